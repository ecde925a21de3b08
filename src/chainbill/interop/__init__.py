"""Other people's formats, read into service events (FHIR R4)."""
