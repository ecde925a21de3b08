"""Statements: what the ledger says, told to the patient, the insurer and the provider.

    facts          what a statement is made of: ledger entries, records, disputes; knows no chain
    sharing        how an event's price was shared, and by which terms
    from_ledger    joins audit's ledger and the vault into facts; with pending_changes and movements
    patient        Explanation of Benefits         patient_text    the same as text
    insurer        the insurer's year in figures   insurer_text
    provider       remittance advice               provider_text

Statements are frozen models: amounts are micro-dollars in Python and strings of dollars in JSON
(``model_dump_json``). A ledger that does not add up yields no statement but a ``LedgerError``.
"""
