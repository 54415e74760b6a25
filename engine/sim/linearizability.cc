#include "sim/linearizability.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace perdure::sim {
namespace {

using Kind = SentRequest::Kind;
using Outcome = SentRequest::Outcome;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

enum class Life { kAbsent, kRunning, kClosed };

struct Model {
  Life life = Life::kAbsent;
  size_t length = 0;  // one more than the longest read has, once it holds what nobody read

  friend bool operator==(const Model&, const Model&) = default;
};

std::string Describe(const SentRequest& request) {
  constexpr const char* kKinds[] = {"start", "write", "read", "close"};
  constexpr const char* kOutcomes[] = {"done", "refused", "unknown"};
  std::string text = absl::StrCat(kKinds[static_cast<int>(request.kind)], " ", request.entry, " ",
                                  kOutcomes[static_cast<int>(request.outcome)], " from ",
                                  request.begin, " to ", request.end == kNever ? -1 : request.end);
  if (request.seen.has_value()) {
    absl::StrAppend(&text, ", saw [", absl::StrJoin(*request.seen, ","), "]");
  }
  if (request.is_running.has_value()) {
    absl::StrAppend(&text, ", saw it ", *request.is_running ? "running" : "closed");
  }
  return text;
}

class Search {
 public:
  Search(std::vector<SentRequest> requests, bool (*is_foreign)(const std::string& entry))
      : all_(std::move(requests)), is_foreign_(is_foreign) {
    for (const SentRequest& one : all_) {
      if (one.seen.has_value() && one.seen->size() > log_.size()) log_ = *one.seen;
    }
    for (size_t i = 0; i < log_.size(); ++i) place_.emplace(log_[i], i);
    Choose();
  }

  // What no order can mend.
  std::string Contradiction() const {
    if (place_.size() != log_.size()) return "an entry is there twice: " + Joined(log_);
    std::set<std::string> written;
    for (const SentRequest& one : all_) {
      if (one.kind == Kind::kWrite) written.insert(one.entry);
    }
    for (const std::string& entry : log_) {
      if (!written.contains(entry) && !is_foreign_(entry)) return entry + " was never sent";
    }
    for (const SentRequest& one : all_) {
      if (!one.seen.has_value()) continue;
      if (!std::equal(one.seen->begin(), one.seen->end(), log_.begin())) {
        return absl::StrCat("the log is ", Joined(log_), ", but: ", Describe(one));
      }
      if (one.kind == Kind::kWrite && (one.seen->empty() || one.seen->back() != one.entry)) {
        return "it does not see itself: " + Describe(one);
      }
    }
    return "";
  }

  std::string Run() {
    std::vector<std::pair<std::string, Model>> todo = {{std::string(chosen_.size(), '0'), {}}};
    std::set<std::string> known = {todo.back().first};
    int64_t most = -1;
    std::string stuck;
    while (!todo.empty()) {
      auto [done, model] = std::move(todo.back());
      todo.pop_back();
      TakeWhatChangesNothing(done, model);
      if (IsOver(done)) return "";
      const int64_t count = std::count(done.begin(), done.end(), '1');
      if (count > most) {
        most = count;
        stuck = Explain(done, model);
      }
      for (const size_t next : NextOnes(done)) {
        Model after = model;
        if (!Step(after, chosen_[next])) continue;
        std::string mask = done;
        mask[next] = '1';
        if (known.insert(mask).second) todo.emplace_back(std::move(mask), after);
      }
    }
    return stuck;
  }

 private:
  static std::string Joined(const Entries& entries) { return absl::StrJoin(entries, ","); }
  static bool MustHappen(const SentRequest& one) { return one.outcome != Outcome::kUnknown; }

  // Of requests that were not answered, the first with its effect can stand for all, and one whose
  // effect nobody saw for none.
  void Choose() {
    std::map<std::pair<Kind, std::string>, SentRequest> unknown;
    for (const std::string& entry : log_) {
      if (!is_foreign_(entry)) continue;
      unknown[{Kind::kWrite, entry}] = {
          .kind = Kind::kWrite, .outcome = Outcome::kUnknown, .begin = -1, .entry = entry};
    }
    unknown[{Kind::kClose, ""}] = {.kind = Kind::kClose, .outcome = Outcome::kUnknown, .begin = -1};
    for (const SentRequest& one : all_) {
      if (MustHappen(one)) {
        chosen_.push_back(one);
      } else if (one.kind != Kind::kRead && (one.kind != Kind::kWrite || IsSeen(one.entry))) {
        const auto [entry, is_new] = unknown.emplace(std::pair(one.kind, one.entry), one);
        if (!is_new && one.begin < entry->second.begin) entry->second = one;
      }
    }
    for (auto& [key, one] : unknown) {
      one.end = kNever;
      chosen_.push_back(std::move(one));
    }
    std::stable_sort(chosen_.begin(), chosen_.end(),
                     [](const SentRequest& a, const SentRequest& b) { return a.begin < b.begin; });
  }
  bool IsSeen(const std::string& entry) const { return place_.contains(entry); }

  bool IsOver(const std::string& done) const {
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (done[i] == '0' && MustHappen(chosen_[i])) return false;
    }
    return true;
  }

  // What may come now and leaves all as it is may as well come now: whatever could follow without
  // it can follow it. Without this the search tries all subsets of what is open at a time.
  void TakeWhatChangesNothing(std::string& done, const Model& model) const {
    bool takes = true;
    while (std::exchange(takes, false)) {
      for (const size_t next : NextOnes(done)) {
        Model after = model;
        if (!Step(after, chosen_[next]) || !(after == model)) continue;
        done[next] = '1';
        takes = true;
      }
    }
  }

  // Those that nothing left over precedes.
  std::vector<size_t> NextOnes(const std::string& done) const {
    std::vector<size_t> next;
    int64_t end = kNever;
    for (size_t i = 0; i < chosen_.size() && chosen_[i].begin <= end; ++i) {
      if (done[i] == '1') continue;
      end = std::min(end, chosen_[i].end);
      next.push_back(i);
    }
    return next;
  }

  // False if it could not have been answered like that.
  bool Step(Model& model, const SentRequest& one) const {
    if (one.kind == Kind::kStart) {
      // A refusal says that it is there.
      if (one.outcome == Outcome::kRefused) return model.life != Life::kAbsent;
      if (model.life == Life::kAbsent) model.life = Life::kRunning;
      return true;
    }
    if (one.outcome == Outcome::kRefused) return model.life == Life::kClosed;
    if (model.life == Life::kAbsent) return false;
    switch (one.kind) {
      case Kind::kStart:
        return false;
      case Kind::kWrite:
        return Append(model, one);
      case Kind::kClose:
        // Asked again, it may answer that it is done when it was.
        if (model.life == Life::kClosed) return one.outcome == Outcome::kUnknown;
        model.life = Life::kClosed;
        return true;
      case Kind::kRead:
        if (one.seen.has_value() && one.seen->size() != model.length) return false;
        return !one.is_running.has_value() || *one.is_running == (model.life == Life::kRunning);
    }
    return false;
  }

  bool Append(Model& model, const SentRequest& one) const {
    const auto found = place_.find(one.entry);
    const size_t place = found == place_.end() ? log_.size() : found->second;
    const size_t length = std::min(model.length, log_.size());
    if (place < length) return true;  // A repeat.
    if (place > length || model.life != Life::kRunning) return false;
    model.length = length + 1;
    return true;
  }

  std::string Explain(const std::string& done, const Model& model) const {
    constexpr const char* kLives[] = {"absent", "running", "closed"};
    std::string text = absl::StrCat("its answers have no order. It is ",
                                    kLives[static_cast<int>(model.life)], " with ", model.length,
                                    " of the entries [", Joined(log_), "], and what is next is:");
    for (const size_t next : NextOnes(done)) {
      absl::StrAppend(&text, "\n    ", Describe(chosen_[next]));
    }
    return text;
  }

  const std::vector<SentRequest> all_;
  bool (*const is_foreign_)(const std::string& entry);
  Entries log_;
  std::map<std::string, size_t> place_;
  std::vector<SentRequest> chosen_;  // by begin
};

}  // namespace

std::string CheckLinearizable(std::vector<SentRequest> requests,
                              bool (*is_foreign)(const std::string& entry)) {
  Search search(std::move(requests), is_foreign);
  const std::string contradiction = search.Contradiction();
  return contradiction.empty() ? search.Run() : contradiction;
}

}  // namespace perdure::sim
