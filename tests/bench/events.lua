-- wrk script: POST /v1/events with arguments KEYS EVENTS RUN; the keys (comma-separated) take turns,
-- every event has an id of its own, two events (requested, completed) make a job.
local keys, turn, events, run, sent = {}, 0

function init(args)
    for key in args[1]:gmatch("[^,]+") do keys[#keys + 1] = "Bearer " .. key end
    events, run, sent = tonumber(args[2]), args[3], 0
    wrk.headers["Content-Type"] = events > 1 and "application/cloudevents-batch+json"
        or "application/cloudevents+json"
end

local template = '{"specversion":"1.0","id":"%s-%d","source":"/bench","type":"generation.%s",'
    .. '"data":{"job":"%s-%d","model":"sdxl","tokens":120}}'

local function event()
    sent = sent + 1
    local kind = sent % 2 == 1 and "requested" or "completed"
    return template:format(run, sent, kind, run, math.floor((sent - 1) / 2))
end

function request()
    local body
    if events == 1 then
        body = event()
    else
        local list = {}
        for i = 1, events do list[i] = event() end
        body = "[" .. table.concat(list, ",") .. "]"
    end
    turn = turn % #keys + 1
    wrk.headers["Authorization"] = keys[turn]
    return wrk.format("POST", "/v1/events", nil, body)
end

function done(summary, latency)
    local errors = summary.errors
    local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("requests=%d ms=%.1f bad=%d p99_us=%d\n", summary.requests,
        summary.duration / 1000, bad, latency:percentile(99)))
end
