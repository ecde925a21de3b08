"""FHIR R4 in: a Bundle, NDJSON, or one resource, read into service events.

``docs/fhir.md`` says which resource becomes which event and why another does not.
"""

from chainbill.interop.fhir.reader import MAX_BYTES, MAX_LINE_BYTES, Reading, read_fhir, read_part
from chainbill.interop.fhir.report import IngestReport, SkippedResource, SkipReason

__all__ = [
    "MAX_BYTES",
    "MAX_LINE_BYTES",
    "IngestReport",
    "Reading",
    "SkipReason",
    "SkippedResource",
    "read_fhir",
    "read_part",
]
