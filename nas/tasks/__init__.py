"""Tasks beside classification: reading and describing the data of detection and segmentation."""
