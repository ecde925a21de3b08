"""What an outsider finds on the chain about one person: a model of a year, and attacks on what it publishes.

Nothing here runs a chain. ``population`` draws who goes where, ``practice`` says how that is settled,
``publication`` writes the logs that this leaves, in the contracts' own words, ``links`` and ``adversary``
read them, and ``report`` is the benchmark.
"""
