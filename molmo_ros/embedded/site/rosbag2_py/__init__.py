"""Read and write bags."""

from ._compression_options import (
    CompressionMode,
    CompressionOptions,
    compression_mode_from_string,
    compression_mode_to_string,
)
from ._info import Info
from ._message_definitions import LocalMessageDefinitionSource
from ._reader import SequentialCompressionReader, SequentialReader, get_registered_readers
from ._reindexer import Reindexer
from ._storage import (
    BagMetadata,
    ConverterOptions,
    FileInformation,
    MessageDefinition,
    MetadataIo,
    ReadOrder,
    ReadOrderSortBy,
    StorageFilter,
    StorageOptions,
    TopicInformation,
    TopicMetadata,
    convert_rclcpp_qos_to_rclpy_qos,
    get_default_storage_id,
    to_rclcpp_qos_vector,
)
from ._transport import (
    Player,
    PlayOptions,
    Recorder,
    RecordOptions,
    ServiceRequestsSource,
    bag_rewrite,
)
from ._writer import (
    SequentialCompressionWriter,
    SequentialWriter,
    get_registered_compressors,
    get_registered_serializers,
    get_registered_writers,
)

__all__ = [
    "BagMetadata",
    "CompressionMode",
    "CompressionOptions",
    "ConverterOptions",
    "FileInformation",
    "Info",
    "LocalMessageDefinitionSource",
    "MessageDefinition",
    "MetadataIo",
    "PlayOptions",
    "Player",
    "ReadOrder",
    "ReadOrderSortBy",
    "RecordOptions",
    "Recorder",
    "Reindexer",
    "SequentialCompressionReader",
    "SequentialCompressionWriter",
    "SequentialReader",
    "SequentialWriter",
    "ServiceRequestsSource",
    "StorageFilter",
    "StorageOptions",
    "TopicInformation",
    "TopicMetadata",
    "bag_rewrite",
    "compression_mode_from_string",
    "compression_mode_to_string",
    "convert_rclcpp_qos_to_rclpy_qos",
    "get_default_storage_id",
    "get_registered_compressors",
    "get_registered_readers",
    "get_registered_serializers",
    "get_registered_writers",
    "to_rclcpp_qos_vector",
]
