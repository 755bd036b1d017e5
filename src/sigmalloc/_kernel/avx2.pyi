from .baseline import Batch as Batch
from .baseline import Tables as Tables
from .baseline import drive as drive
from .baseline import elementary as elementary
from .baseline import normals as normals
from .baseline import raw as raw
