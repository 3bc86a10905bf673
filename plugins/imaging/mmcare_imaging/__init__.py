"""CT: modality, segmenters and ResNet-3D encoder."""
