"""What a file is that is not what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainbill.billing.plan_file import example_plan
from chainbill.interop.file_forms import Wanted, other_form

X12 = (
    b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *240305*1000*^*00501*1*0*P*:~"
    b"GS*HC*SENDER*RECEIVER*20240305*1000*1*X*005010X222A1~ST*837*0001*005010X222A1~"
)
HL7 = b"MSH|^~\\&|LAB|CLINIC|EHR|CLINIC|20240305100000||ORU^R01^ORU_R01|1|P|2.5.1\rPID|1||7^^^MRN\r"
FHIR = b'{"resourceType": "Bundle", "type": "collection", "entry": []}'
FEES = b'# ours\n[fees]\noffice-visit = "85.00"\n'


@pytest.mark.parametrize(
    "beginning, told",
    [
        (X12, "this is an X12 837 file (claim); what is read here is FHIR R4 in JSON"),
        (X12.replace(b"*", b"|").replace(b"ST|837", b"ST|835"), "an X12 835 file (remittance)"),
        (X12.replace(b"ST*837", b"ST*999"), "an X12 999 file;"),
        (X12[:40], "an X12 file;"),
        (b"\r\n" + X12, "an X12 837 file"),
        (HL7, "an HL7 version 2 message (ORU^R01^ORU_R01)"),
        (b"\x0b" + HL7, "an HL7 version 2 message (ORU^R01^ORU_R01)"),
        (b"FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r" + HL7, "an HL7 version 2 message;"),
        (b"UNB+UNOA:1+SENDER+RECEIVER", "an EDIFACT file"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b'<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">', "a clinical document (CDA"),
        (b'<Bundle xmlns="http://hl7.org/fhir">', "this is FHIR in XML;"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "a web page (HTML)"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><claims/>", "an XML file"),
        (b"patient,date,cpt,amount\n7,2024-03-05,99213,88.00\n", "a table (CSV, with commas)"),
        (b'name;amount\n"Ruiz; Ana";88,00\n', "a table (CSV, with semicolons)"),
        (b"a\tb\n1\t2\n", "a table (CSV, with tabs)"),
        (b"BENE_ID|CLM_ID|AMT\n1|2|3\n", "a table (CSV, with bars)"),
        (b"PK\x03\x04\x14\x00", "a ZIP archive"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
        (b"\xff\xfe{\x00", "text in UTF-16"),
        (b"\0" * 128 + b"DICM", "a DICOM image"),
        (b"\x7fELF\x02\x01\x00\x00", "this is no text;"),
        (example_plan().encode(), "this is a plan file;"),
        (FEES, "this is a fee file;"),
        (b'name = "x"\n', "this is a TOML file;"),
        (b'{"ledger": "chainbill", "version": 1}', "a copy of the ledger"),
        (b'{"message": {"primaryType": "Withdraw"}, "signature": "0x"}', "a file that a patient has signed"),
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
    ],
)
def test_other_form__given_where_fhir_is_meant__is_named(beginning: bytes, told: str) -> None:
    found = other_form(beginning)
    assert found is not None
    assert told in found.sentence
    assert found.hint


@pytest.mark.parametrize(
    "beginning",
    [FHIR, b"\xef\xbb\xbf" + FHIR, b"\n  " + FHIR, b"[" + FHIR + b"]", b"[]", b"{", b"{}\n{}\n", b"Dear all"],
)
def test_other_form__what_may_be_fhir__is_left_to_its_reader(beginning: bytes) -> None:
    assert other_form(beginning) is None


@pytest.mark.parametrize(
    "beginning, wanted, told, hint",
    [
        (FEES, Wanted.PLAN, "this is a fee file", "it is for: chainbill insurer fees"),
        (FEES, Wanted.PRICES, "this is a fee file", "it is for: chainbill insurer fees"),
        (FHIR, Wanted.PLAN, "this is a FHIR record", "it is for: chainbill provider ingest"),
        (FHIR, Wanted.LEDGER, "this is a FHIR record", "it is for: chainbill provider ingest"),
        (
            b'{"a": 1}',
            Wanted.CATALOGUE,
            "this is a JSON file",
            "copy the packaged catalogue.toml",
        ),
        (b"service;fee\nvisit;85.00\n", Wanted.FEES, "this is a table (CSV", "chainbill insurer fees --help"),
        (example_plan().encode(), Wanted.SIGNED, "this is a plan file", "it is for: chainbill insurer plan"),
        (X12, Wanted.CATALOGUE, "an X12 837 file", "copy the packaged catalogue.toml"),
    ],
)
def test_other_form__given_where_something_else_is_meant__says_what_takes_it(
    beginning: bytes, wanted: Wanted, told: str, hint: str
) -> None:
    found = other_form(beginning, wanted)
    assert found is not None
    assert told in found.sentence
    assert wanted.value in found.sentence
    assert hint in found.hint


@pytest.mark.parametrize(
    "beginning, wanted",
    [
        (example_plan().encode(), Wanted.PLAN),
        (b'deductible = "0"\n', Wanted.PLAN),
        (FEES, Wanted.FEES),
        (b"[services.office-visit]\nfee = 1\n", Wanted.CATALOGUE),
        (b"{}", Wanted.SIGNED),
        (b"{}", Wanted.LEDGER),
    ],
)
def test_other_form__what_may_be_wanted__is_left_to_its_reader(beginning: bytes, wanted: Wanted) -> None:
    assert other_form(beginning, wanted) is None


def test_other_form__of_the_packaged_files__is_what_they_are() -> None:
    package = Path(__file__).parents[2] / "src" / "chainbill"
    catalogue = (package / "records" / "catalogue.toml").read_bytes()
    assert other_form(catalogue, Wanted.CATALOGUE) is None
    assert other_form((package / "scenario" / "story.json").read_bytes()) is None


@pytest.mark.parametrize("wanted", [Wanted.FEES, Wanted.PRICES])
@pytest.mark.parametrize(
    "beginning", [b"service,fee\nvisit,85.00\n", b'{"fees": {}}', b'[fees]\nvisit = "85"\n']
)
def test_other_form__fees_in_any_of_their_formats__are_let_through(beginning: bytes, wanted: Wanted) -> None:
    found = other_form(beginning, wanted)
    assert found is None or (wanted is Wanted.PRICES and "a fee file" in found.sentence)
