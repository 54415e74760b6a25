// One run as its worker sees it: history in, what to send to the server out.
//
// Pure: no clock, thread or gRPC. Loop-bound: one thread at a time, the one its Program lives on.
// Between tasks it keeps what later events refer to, not the history itself.
//
//   Run run(options, definition lookup);
//   Step step = run.StartTask(std::move(polled));       // or AddHistory/ResolveLocalActivity after
//   its answers
//   ... send what the step says ...
//   run.TaskAccepted(response) or drop the run
#pragma once
