"""Detection: boxes from COCO JSON, Pascal VOC XML and YOLO text."""
