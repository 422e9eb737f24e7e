"""What this client costs, measured against a loop written by hand and against other clients.

    python -m benchmarks --help

Every figure is CPU time or memory of a whole process as the operating system counts it, in a process of
its own, against one stub server in a second process. Compared are ratios within a round, never absolute
times of different runs.
"""
