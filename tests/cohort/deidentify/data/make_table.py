"""Reduce table E.1-1 of DICOM PS3.15, edition 2024e, to tag, action of the Basic Profile, and two options.

git clone https://github.com/innolitics/dicom-standard   # the standard's tables as JSON; as of January 2025: 2024e
python make_table.py dicom-standard/standard/confidentiality_profile_attributes.json > ps3_15_2024e_table_e_1_1.tsv
"""

import json
import sys
from pathlib import Path

print("tag\tbasic\tclean_descriptors\tmodified_dates\tname")
for row in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    options = row.get("cleanDescOpt", ""), row.get("rtnLongModifDatesOpt", "")
    print(row["tag"], row["basicProfile"], *options, " ".join(row["name"].split()), sep="\t")
