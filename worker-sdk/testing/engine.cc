#include "worker-sdk/testing/engine.h"

#include <atomic>

#include "perdure/errors.h"

namespace perdure::testing {
namespace {

// Longer than VirtualTime::kNever.
constexpr const char* kForEver = "876000h";

base::Settings SettingsOfTests() {
  base::Settings settings;
  // What a test started stays to be looked at, whatever time it lets pass; and waiting is free, so
  // that nobody need be told to ask again.
  for (const char* name : {"retention_default", "long_poll_interval"}) {
    const absl::Status status = settings.Set(name, kForEver, "the test environment");
    if (!status.ok()) throw Error(status.ToString());
  }
  return settings;
}

}  // namespace

Engine::Engine(VirtualTime& time, const std::string& namespace_,
               const services::SearchAttributeTypes& search_attributes)
    : time_(time),
      settings_(SettingsOfTests()),
      loop_(time, 1),
      uuids_(2),
      cluster_{.cluster_id = "test"} {
  store_ = store::simulated::MakeSimulatedStore(database_, loop_, {}, /*is_shared=*/false);
  namespaces_ = std::make_unique<frontend::NamespaceRegistry>(*store_, loop_, settings_, uuids_);
  matching::Options matching_options;
  matching_options.long_poll_max = absl::InfiniteDuration();
  matching_ = matching::MakeMatching(loop_, matching_options);
  history_ = history::MakeHistory(loop_, *store_, *namespaces_, history::HistoryOptions());
  history_->set_matching(matching_.get());
  matching_->SetHistory(history_.get());
  frontend_ = std::make_unique<frontend::Frontend>(
      frontend::Dependencies{*namespaces_, *history_, *matching_, *store_, loop_, uuids_, cluster_,
                             settings_},
      nullptr);
  bool is_serving = false;
  absl::Status problem;
  frontend::NamespaceRegistry::Wanted initial;
  initial.names = {namespace_};
  initial.search_attributes = search_attributes;
  namespaces_->Start(initial, [&](absl::Status status) {
    loop_.Post([&, status = std::move(status)] {
      problem = status;
      if (!status.ok()) return;
      matching_->SetServing(false);
      history::ClusterHooks hooks;
      hooks.on_state = [this, &is_serving](history::ServingState state) {
        matching_->SetServing(state == history::ServingState::kServing);
        is_serving = is_serving || state == history::ServingState::kServing;
      };
      history_->Begin(std::move(hooks));
    });
  });
  time.Drive([&] { return is_serving || !problem.ok(); }, time.Now() + absl::Minutes(1));
  if (!is_serving)
    throw Error("the engine of the test environment does not start: " + problem.ToString());
}

Engine::~Engine() {
  store_.reset();
  matching_.reset();
  frontend_.reset();
  history_.reset();
  namespaces_.reset();
}

}  // namespace perdure::testing
