# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness behind ./benchmarks/run: standard library only.

processes  children on chosen cores             measure    CPU time and memory from /proc
contestants  floors, peers, the gateway         peers      how nginx, HAProxy, nghttpx are told
scenarios  what is run and in which order       load       what drives them: wrk, h2load, our own
reloads    a gateway that reads its file again  routes     files of many routes
slow_reader  what one costs the others          certificates  for those that speak TLS
figures    medians of paired rounds             checks     the figures that design calls musts
machine    host and build: are they fit?        lab        cores, folders and the origin
report     tables and verdicts as text          page       the HTML report, with plots
compare    two runs against each other          micro      the micro-benchmarks, as they are
"""
