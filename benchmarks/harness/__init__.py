# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness behind ./benchmarks/run: standard library only.

processes  children on chosen cores             measure    CPU time and memory from /proc
contestants  floors, peers, the gateway         load       what drives them: wrk, transfer, idle
scenarios  what is run and in which order       figures    medians of paired rounds
checks     the figures that design calls musts  report     the table and the JSON file
micro      the micro-benchmarks, as they are    lab        cores, folders and the origin
"""
