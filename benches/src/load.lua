-- What wrk runs: sends the requests that were written above this text, and prints what came back as one line of JSON.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

local sent = 0

-- Each request takes the next path; a key makes each delivery its own.
function request()
  sent = sent + 1
  local head = heads[(sent - 1) % #heads + 1]
  if not key then
    return head .. "\r\n" .. body
  end
  local delivery = key .. "-" .. thread_number .. "-" .. sent
  return head .. "X-Delivery: " .. delivery .. "\r\nX-Task: TASK-" .. sent % 1000 .. "\r\n\r\n" .. body
end

-- A request that never changes is made once.
if #heads == 1 and not key then
  local whole = heads[1] .. "\r\n" .. body
  request = function() return whole end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
