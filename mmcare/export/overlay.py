"""Pictures for any viewer: the CT in the lung window with the map blended over it, a secondary capture a slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmcare.export.heat import Heat
from mmcare.export.maker import MANUFACTURER, PROGRAM, RESEARCH, Maker, dicom_text
from mmcare.export.segmentation import heat_title
from mmcare.export.source import SourceSeries

if TYPE_CHECKING:
    from highdicom.sc import SCImage
    from pydicom import Dataset

__all__ = ["LUNG", "blended", "overlay_images"]

LUNG = (-1350.0, 150.0)
"""HU shown from black to white."""
FOR, AGAINST = (70, 150, 255), (255, 140, 25)
"""Blue and orange, told apart by the colour-blind."""
OPACITY = 0.6
_SPACE = ("FrameOfReferenceUID", "PositionReferenceIndicator", "ImagePositionPatient", "ImageOrientationPatient")
"""What lets a viewer scroll the pictures with the series; a secondary capture may carry it."""
Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]


def overlay_images(series: SourceSeries, heat: Heat, maker: Maker, number: int) -> Iterator[SCImage]:
    """A picture for each slice of the series, in order."""
    from highdicom import UID

    title, series_uid = heat_title(heat), UID()
    values = series.frames(series.volume.values)
    for place, source in enumerate(series.images):
        colours = blended(values[place], heat.speaks_for[place], heat.against[place])
        yield _picture(source, _captioned(colours, heat), maker, (series_uid, number, place + 1, title))


def blended(
    hu: npt.NDArray[np.generic], speaks_for: npt.NDArray[np.float32], against: npt.NDArray[np.float32]
) -> Pixels:
    """(row, column, 3): the CT in grey, the map over it, opaquer where it is stronger."""
    low, high = LUNG
    colours = np.repeat(np.clip((hu.astype(np.float32) - low) / (high - low), 0, 1)[..., None] * 255, 3, axis=2)
    for values, colour in ((speaks_for, FOR), (against, AGAINST)):
        alpha = OPACITY * np.clip(1.6 * values, 0, 1)[..., None]
        colours = colours * (1 - alpha) + np.array(colour, dtype=np.float32) * alpha
    return np.rint(colours).astype(np.uint8)


def _captioned(colours: Pixels, heat: Heat) -> Pixels:
    """With what it is and what the colours mean written into it: a picture is looked at without its header."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(8, colours.shape[0] // 42)
    picture = Image.fromarray(colours)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    lines = (f"{heat.method}, {dicom_text(heat.target.key)}", RESEARCH, "blue: speaks for, orange: speaks against")
    for row, line in enumerate(lines):
        draw.text((size // 2, size // 2 + row * (size + 2)), line, font=font, fill=(255, 255, 255))
    return np.asarray(picture)


def _picture(source: Dataset, colours: Pixels, maker: Maker, place: tuple[str, int, int, str]) -> SCImage:
    from highdicom import UID
    from highdicom.sc import SCImage
    from pydicom.uid import ExplicitVRLittleEndian

    series_uid, series_number, number, title = place
    picture = SCImage.from_ref_dataset(
        source,
        pixel_array=colours,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=series_uid,
        series_number=series_number,
        sop_instance_uid=UID(),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=PROGRAM,
        software_versions=maker.version,
        device_serial_number=maker.run_id,
        series_description=title,
        pixel_spacing=tuple(float(value) for value in source.PixelSpacing),  # type: ignore[arg-type]
        patient_orientation=_directions(source),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    return _placed(picture, source)


def _placed(picture: SCImage, source: Dataset) -> SCImage:
    """With its place in the patient, and the slice that it shows."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence

    for name in _SPACE:
        if name in source:
            setattr(picture, name, source.get(name))
    shown = Dataset()
    shown.ReferencedSOPClassUID, shown.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    picture.SourceImageSequence = Sequence([shown])
    picture.BurnedInAnnotation = "NO"  # the caption names no person
    picture.ImageComments = f"For {RESEARCH}."
    return picture


def _directions(source: Dataset) -> tuple[str, str]:
    """Whither rows and columns run, such as `L`, `P`."""
    found = np.asarray(source.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    row, column = (("RL", "AP", "FH")[abs(d).argmax()][int(d[abs(d).argmax()] > 0)] for d in found)
    return row, column
