"""`Dense`: every head for detection or segmentation."""

from nas.design.dense.aspp import LrAspp as LrAspp
from nas.design.dense.aspp import RAspp as RAspp
from nas.design.dense.ssdlite import SsdLite as SsdLite

Dense = SsdLite | LrAspp | RAspp
