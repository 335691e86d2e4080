"""Writers: the files of an export."""

from pairsift.adapters.exports.catalog import (
    WRITERS,
    ExportedFile,
    export_folder,
    files_are_there,
    out_folder,
    require_out,
    write_export,
)
from pairsift.adapters.exports.manifest import manifest_is_current, write_manifest
from pairsift.adapters.exports.request import ExportBatch, ExportRequest

__all__ = [
    "WRITERS",
    "ExportBatch",
    "ExportRequest",
    "ExportedFile",
    "export_folder",
    "files_are_there",
    "manifest_is_current",
    "out_folder",
    "require_out",
    "write_export",
    "write_manifest",
]
