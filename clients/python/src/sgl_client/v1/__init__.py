"""The messages of sgl.v1, made from the contract."""

from .common_pb2 import *  # noqa: F403
from .errors_pb2 import *  # noqa: F403
from .router_service_pb2 import *  # noqa: F403
