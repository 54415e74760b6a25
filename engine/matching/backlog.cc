// What waits in the queues: kept true when tasks die unasked for, and shown to Prometheus.
#include <utility>

#include "matching/engine.h"

namespace perdure::matching {
namespace {

// Series of task queues; clients make their names up, and a gauge lives as long as the process.
constexpr size_t kGaugesMax = 1000;

const services::TaskKey* TaskKeyOf(const Task& task) {
  if (const auto* workflow = std::get_if<services::WorkflowTask>(&task.work)) return &workflow->key;
  if (const auto* activity = std::get_if<services::ActivityTask>(&task.work)) return &activity->key;
  return nullptr;
}

}  // namespace

void Engine::OnHeld(TaskQueue& queue, const Task& task) {
  OnLack(queue.identity());
  const services::TaskKey* key = TaskKeyOf(task);
  if (key == nullptr || key->run_id.empty()) return;
  std::vector<Held>& held = held_[{key->name_space->number.value(), key->run_id}];
  // A repeat takes the place of the one before it. Which of two different ones is stale cannot be
  // told here: a push may come late, that to a sticky queue after the one to the normal queue that
  // followed it, and a stamp may go back with a crash. History knows.
  const auto is_same = [key, queue_key = KeyOf(queue.identity())](const Held& other) {
    return other.queue == queue_key && other.scheduled_event_id == key->scheduled_event_id &&
           other.attempt == key->attempt && other.stamp == key->stamp;
  };
  std::vector<Held> stale;
  for (const Held& other : held) {
    if (is_same(other)) stale.push_back(other);
  }
  std::erase_if(held, is_same);
  held.push_back({KeyOf(queue.identity()), task.priority, task.sequence, key->scheduled_event_id,
                  key->attempt, key->stamp});
  for (const Held& other : stale) {
    const auto found = queues_.find(other.queue);
    if (found != queues_.end()) found->second->RemoveTask(other.priority, other.sequence);
  }
}

void Engine::OnTaken(TaskQueue& queue, const Task& task) {
  const services::TaskKey* key = TaskKeyOf(task);
  if (key == nullptr) return;
  const auto found = held_.find({key->name_space->number.value(), key->run_id});
  if (found == held_.end()) return;
  std::erase_if(found->second,
                [&task](const Held& held) { return held.sequence == task.sequence; });
  if (found->second.empty()) held_.erase(found);
}

void Engine::ForgetTasks(base::NamespaceNumber number, const std::string& run_id,
                         base::EventId scheduled_event_id) {
  const auto found = held_.find({number.value(), run_id});
  if (found == held_.end()) return;
  std::vector<Held> gone;
  for (const Held& held : found->second) {
    if (scheduled_event_id == 0 || held.scheduled_event_id == scheduled_event_id) {
      gone.push_back(held);
    }
  }
  std::erase_if(found->second, [scheduled_event_id](const Held& held) {
    return scheduled_event_id == 0 || held.scheduled_event_id == scheduled_event_id;
  });
  if (found->second.empty()) held_.erase(found);
  for (const Held& held : gone) {
    const auto queue = queues_.find(held.queue);
    if (queue != queues_.end()) queue->second->RemoveTask(held.priority, held.sequence);
  }
}

void Engine::MeasureBacklogs() {
  if (options_.metrics == nullptr) return;
  // A queue that is gone has nothing waiting; its series stays.
  for (auto& [key, gauges] : backlog_gauges_) {
    gauges.count->Set(0);
    gauges.age->Set(0);
  }
  for (const auto& [key, queue] : queues_) {
    if (queue->identity().is_sticky) continue;
    auto gauges = backlog_gauges_.find(key);
    if (gauges == backlog_gauges_.end()) {
      if (backlog_gauges_.size() >= kGaugesMax) continue;
      const base::MetricLabels labels = {
          {"namespace", queue->identity().name_space->name},
          {"taskqueue", queue->identity().name},
          {"task_type", queue->identity().kind == QueueKind::kActivity ? "Activity" : "Workflow"}};
      gauges = backlog_gauges_
                   .try_emplace(
                       key,
                       BacklogGauges{
                           &options_.metrics->GaugeOf("approximate_backlog_count",
                                                      "Tasks that wait for a worker.", labels),
                           &options_.metrics->GaugeOf("approximate_backlog_age_seconds",
                                                      "How long the oldest has waited.", labels)})
                   .first;
    }
    gauges->second.count->Set(static_cast<double>(queue->backlog_count()));
    gauges->second.age->Set(absl::ToDoubleSeconds(queue->backlog_age()));
  }
}

}  // namespace perdure::matching
