"""Segmentation: masks from class images, COCO JSON and YOLO polygons."""
