"""The store on tantivy: one folder a partition, in the working folder of one machine.

What tantivy-py 0.27 does not do well decides much here: sloppy phrases of three words and more
miss posts, phrase prefixes stop at fifty expansions, deleted text stays until a merge. So
queries are compiled to a superset and a subset, the difference is verified with the naive
evaluator, and partitions are dropped or rewritten whole.
"""
