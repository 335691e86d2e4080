"""Writers: the files of an export."""

from pairsift.adapters.exports.catalog import (
    FORMATS,
    WITHOUT_PICTURES,
    ExportedFile,
    dataset_folder,
    file_names,
    files_are_there,
    formats_of,
    out_folder,
    require_formats,
    require_out,
    write_export,
)
from pairsift.adapters.exports.folders import INDEX, damaged_files
from pairsift.adapters.exports.manifest import manifest_is_current, write_manifest
from pairsift.adapters.exports.request import ExportBatch, ExportRequest

__all__ = [
    "FORMATS",
    "INDEX",
    "WITHOUT_PICTURES",
    "ExportBatch",
    "ExportRequest",
    "ExportedFile",
    "damaged_files",
    "dataset_folder",
    "file_names",
    "files_are_there",
    "formats_of",
    "manifest_is_current",
    "out_folder",
    "require_formats",
    "require_out",
    "write_export",
    "write_manifest",
]
