-- What wrk saw, as one line of JSON behind its own summary. Only `done` is defined: a script with
-- request or response hooks would make wrk itself slower.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'wrk_report {"requests":%d,"duration_us":%d,"bytes":%d,"connect_errors":%d,' ..
    '"read_errors":%d,"write_errors":%d,"status_errors":%d,"timeouts":%d,' ..
    '"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read,
    errors.write, errors.status, errors.timeout, latency:percentile(50),
    latency:percentile(99), latency.max))
end
