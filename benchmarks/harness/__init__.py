# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness behind ./benchmarks/run: standard library only.

processes  children on chosen cores             measure    CPU time and memory from /proc
contestants  floors, peers, the gateway         load       what drives them: wrk and own programs
scenarios  what is run and in which order       figures    medians of paired rounds
reloads    a gateway that reads its file again  routes     files of many routes
checks     the figures that design calls musts  machine    host and build, and whether they are fit
report     tables and verdicts as text          page       the HTML report, with plots
compare    two runs against each other          lab        cores, folders and the origin
micro      the micro-benchmarks, as they are
"""
