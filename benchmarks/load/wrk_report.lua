-- What wrk saw, as one line of JSON behind its own summary. Only `done` is defined: a script with
-- request or response hooks would make wrk itself slower.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'wrk_report {"requests":%d,"duration_us":%d,"bytes":%d,"connect_errors":%d,' ..
    '"read_errors":%d,"write_errors":%d,"status_errors":%d,"timeouts":%d,',
    summary.requests, summary.duration, summary.bytes, errors.connect, errors.read,
    errors.write, errors.status, errors.timeout))
  for _, percentile in ipairs({50, 75, 90, 95, 99, 99.5, 99.9, 99.99}) do
    local name = string.format("%g", percentile):gsub("%.", "_")
    io.write(string.format('"p%s_us":%d,', name, latency:percentile(percentile)))
  end
  io.write(string.format('"max_us":%d}\n', latency.max))
end
