#include "pipeline/testing/pipeline_simulation.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "base/retrier.h"
#include "base/strings.h"
#include "pipeline/intent_resolver.h"

namespace millrace {
namespace {

bool IsRejected(const std::string& letters) {
  return letters == "r" || letters.find_first_of("xy") != std::string::npos;
}

}  // namespace

FakeObject MakeFakeObject(const std::string& name, const std::string& letters) {
  FakeObject object;
  object.key = {.object = name, .version = "1", .config = "c", .destination = "d"};
  std::istringstream words(letters);
  for (std::string word; words >> word;) object.rows.push_back(word);
  return object;
}

// A process: its source, and its side of a destination. It dies at `crash`, unless that is
// null.
class PipelineSimulation::Process {
 public:
  Process(PipelineSimulation& world, const std::string& owner, DeadLetterQueue& dead_letter,
          CrashPoint* crash)
      : world_(world),
        dead_letter_(dead_letter),
        mortal_ledger_(crash == nullptr ? nullptr : NewMortalLedger(world.ledger, *crash)),
        mortal_dead_letter_(crash == nullptr ? nullptr
                                             : NewMortalDeadLetterQueue(dead_letter, *crash)),
        staging_(world.staged_destination.NewStaging()),
        replacement_(world.replaced_destination.NewReplacement()),
        mortal_staging_(crash == nullptr ? nullptr : NewMortalStaging(*staging_, *crash)),
        committer_((crash == nullptr ? *staging_ : *mortal_staging_).NewCommitter()),
        retrier_(world.options.retry, world.clock),
        resolver_(parts_ledger(), *committer_, parts_dead_letter(), retrier_, world.clock,
                  world.options.lease),
        source_(world.objects, parts_ledger(), owner, world.chunk_rows, world.options.lease) {
    source_.set_read_fault(world.read_fault);
    source_.set_resolve_intent([this, owner](const std::string& intent, std::stop_token stop) {
      return resolver_.Resolve(intent, owner, /*owner_is_dead=*/false, std::move(stop));
    });
  }

  RunParts Parts() {
    RunParts parts{.source = source_,
                   .make_transform = [] { return std::make_unique<FakeTransform>(); },
                   .ledger = parts_ledger(),
                   .dead_letter = parts_dead_letter(),
                   .cursor = world_.destination.cursor(),
                   .clock = world_.clock};
    if (world_.replaces_) {
      parts.replacement = replacement_.get();
      parts.replacing_object = world_.objects.front().key.object;
    } else if (!world_.is_staged_) {
      parts.make_sink = [this] { return world_.destination.NewSink(); };
    } else {
      parts.staging = mortal_staging_ == nullptr ? staging_.get() : mortal_staging_.get();
    }
    return parts;
  }

 private:
  Ledger& parts_ledger() { return mortal_ledger_ == nullptr ? world_.ledger : *mortal_ledger_; }
  DeadLetterQueue& parts_dead_letter() {
    return mortal_dead_letter_ == nullptr ? dead_letter_ : *mortal_dead_letter_;
  }

  PipelineSimulation& world_;
  DeadLetterQueue& dead_letter_;
  const std::unique_ptr<Ledger> mortal_ledger_;
  const std::unique_ptr<DeadLetterQueue> mortal_dead_letter_;
  const std::unique_ptr<Staging> staging_;
  const std::unique_ptr<Replacement> replacement_;
  const std::unique_ptr<Staging> mortal_staging_;
  const std::unique_ptr<Committer> committer_;
  Retrier retrier_;
  IntentResolver resolver_;
  FakeSource source_;
};

RunReport PipelineSimulation::Run(const std::string& owner, std::stop_token stop,
                                  RunProgress* progress) {
  Process process(*this, owner, dead_letter, /*crash=*/nullptr);
  return millrace::Run(process.Parts(), options, std::move(stop), progress);
}

RunReport PipelineSimulation::RunBesideOthersUntilCrash(const std::string& owner,
                                                        CrashPoint& crash) {
  return RunElsewhereUntilCrash(owner, dead_letter, crash);
}

RunReport PipelineSimulation::RunElsewhereUntilCrash(const std::string& owner,
                                                     MemoryDeadLetterQueue& dead_letter_there,
                                                     CrashPoint& crash) {
  Process process(*this, owner, dead_letter_there, &crash);
  return millrace::RunUntilCrash(process.Parts(), options, {}, crash);
}

RunReport PipelineSimulation::RunUntilCrash(const std::string& owner, CrashPoint& crash) {
  RunReport report = RunBesideOthersUntilCrash(owner, crash);
  if (crash.dead()) dead_letter.Crash();
  return report;
}

void PipelineSimulation::KeepCursor() {
  destination.KeepCursor();
  exactly_once_ = whole_rows_ = true;
}

void PipelineSimulation::UseStaging() { is_staged_ = exactly_once_ = whole_rows_ = true; }

void PipelineSimulation::Replace() { replaces_ = exactly_once_ = whole_rows_ = true; }

void PipelineSimulation::set_write_script(const FakeDestination::Script& script) {
  destination.set_script(script);
  staged_destination.set_stage_script(script);
  replaced_destination.set_write_script(script);
}

void PipelineSimulation::ChangeConfig(const std::string& config) {
  for (FakeObject& object : objects) {
    earlier_objects.push_back(object);
    object.key.config = config;
  }
}

bool PipelineSimulation::IsSettledUnderEarlierConfig(const FakeObject& object) const {
  return std::any_of(earlier_objects.begin(), earlier_objects.end(),
                     [&](const FakeObject& earlier) {
                       const std::optional<LedgerEntry> entry = ledger.Find(earlier.key);
                       return earlier.key.object == object.key.object && entry.has_value() &&
                              entry->position.row == object.rows.size() && entry->owner.empty() &&
                              (entry->state == LedgerState::kDone) == object.error.ok();
                     });
}

std::vector<std::string> PipelineSimulation::AcceptedEvents(const FakeObject& object,
                                                            uint64_t row) const {
  std::vector<std::string> lines;
  const std::string& letters = object.rows[row];
  if (whole_rows_ && letters.find('x') != std::string::npos) return lines;
  for (size_t i = 0; i < letters.size(); ++i) {
    if (letters[i] == 'a') lines.push_back(FakeEvent(object.key, row, i, 'a'));
  }
  return lines;
}

std::string PipelineSimulation::CheckRow(const FakeObject& object, uint64_t row,
                                         const std::map<std::string, int>& arrived,
                                         const std::map<uint64_t, int>& rejected) const {
  for (const std::string& line : AcceptedEvents(object, row)) {
    if (arrived.count(line) == 0) return StrCat(line, " is lost");
  }
  const auto found = rejected.find(row);
  const int kept = found == rejected.end() ? 0 : found->second;
  const int due = IsRejected(object.rows[row]) ? 1 : 0;
  // Those of a commit may be kept again after a crash.
  const bool may_be_twice = leases_were_lost || object.rows[row].find('y') != std::string::npos;
  if (kept == due || (may_be_twice && due == 1 && kept > 1)) return "";
  return StrCat(RowName(object.key, row), " is ", kept, " times in the dead letters, not ", due);
}

std::string PipelineSimulation::CheckObject(const FakeObject& object,
                                            const MemoryLedger::Rows& recorded,
                                            const std::map<std::string, int>& arrived) const {
  const auto found = recorded.find(object.key);
  if (found == recorded.end()) return "";
  const LedgerEntry* const entry = &found->second;
  const std::string& name = object.key.object;
  if (entry->position.row > object.rows.size()) return StrCat(name, " is beyond its end");
  if (entry->counts != FakeCounts(object, entry->position.row, whole_rows_)) {
    return StrCat(name, " is counted wrongly up to row ", entry->position.row);
  }
  if (entry->position.byte != 10 * entry->position.row) return StrCat(name, " has a wrong byte");
  if (entry->state == LedgerState::kDone && entry->position.row != object.rows.size()) {
    return StrCat(name, " is done at row ", entry->position.row);
  }
  std::map<uint64_t, int> rejected;
  for (const Rejection& kept : Kept(object.key)) ++rejected[kept.source_row];
  for (uint64_t row = 0; row < entry->position.row; ++row) {
    std::string wrong = CheckRow(object, row, arrived, rejected);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::vector<Rejection> PipelineSimulation::Kept(const LedgerKey& object) const {
  std::vector<Rejection> kept = dead_letter.Durable(object);
  for (const MemoryDeadLetterQueue* other : elsewhere) {
    const std::vector<Rejection> there = other->Durable(object);
    kept.insert(kept.end(), there.begin(), there.end());
  }
  return kept;
}

std::map<std::string, int> PipelineSimulation::Arrived() const {
  if (replaces_) return replaced_destination.Visible();
  return is_staged_ ? staged_destination.Visible() : destination.Arrived();
}

// What was visible at any moment is the old record, or all events of the object.
std::string PipelineSimulation::CheckReplaced(const MemoryLedger::Rows& recorded,
                                              const std::map<std::string, int>& arrived) const {
  const FakeObject& object = objects.front();
  std::map<std::string, int> all;
  for (uint64_t row = 0; row < object.rows.size(); ++row) {
    for (const std::string& line : AcceptedEvents(object, row)) ++all[line];
  }
  const std::map<std::string, int> old = {{FakeReplacedDestination::kOldRecord, 1}};
  const auto entry = recorded.find(object.key);
  const bool done = entry != recorded.end() && entry->second.state == LedgerState::kDone;
  if (done && arrived != all) return "the object is done, and has not replaced the old record";
  for (const auto& visible : replaced_destination.EverVisible()) {
    if (visible != all && visible != old) return "what was visible is not of one moment";
  }
  return "";
}

std::string PipelineSimulation::CheckPromise() const {
  // Reads the records first, because others may continue meanwhile.
  const MemoryLedger::Rows recorded = ledger.Snapshot();
  const std::map<std::string, int> arrived = Arrived();
  if (replaces_) {
    const std::string wrong = CheckReplaced(recorded, arrived);
    if (!wrong.empty()) return wrong;
  }
  if (const std::string twice = staged_destination.EverTwice(); !twice.empty()) {
    return StrCat(twice, " was visible twice");
  }
  std::set<std::string> known;
  std::map<std::string, std::string> sent_under;  // the config, by object
  for (const std::vector<FakeObject>* all : {&objects, &earlier_objects}) {
    for (const FakeObject& object : *all) {
      for (uint64_t row = 0; row < object.rows.size(); ++row) {
        for (std::string& line : AcceptedEvents(object, row)) {
          if (arrived.count(line) > 0) {
            const std::string& config =
                sent_under.emplace(object.key.object, object.key.config).first->second;
            if (config != object.key.config) return StrCat(line, " was sent under two configs");
          }
          known.insert(std::move(line));
        }
      }
      std::string wrong = CheckObject(object, recorded, arrived);
      if (!wrong.empty()) return wrong;
    }
  }
  for (const auto& [line, times] : arrived) {
    if (replaces_ && line == FakeReplacedDestination::kOldRecord) continue;
    if (known.count(line) == 0) return StrCat(line, " is invented");
    if (exactly_once_ && times > 1) return StrCat(line, " arrived ", times, " times");
  }
  return "";
}

std::string PipelineSimulation::CheckComplete() const {
  std::set<LedgerKey> keys;
  for (const FakeObject& object : objects) {
    keys.insert(object.key);
    const std::string& name = object.key.object;
    const std::optional<LedgerEntry> entry = ledger.Find(object.key);
    const bool untouched = !entry.has_value() || entry->position.row == 0;
    if (untouched && IsSettledUnderEarlierConfig(object)) continue;
    if (!entry.has_value()) return StrCat(name, " is not in the ledger");
    if (entry->position.row != object.rows.size()) {
      return StrCat(name, " ends at row ", entry->position.row);
    }
    if ((entry->state == LedgerState::kDone) != object.error.ok()) {
      return StrCat(name, object.error.ok() ? " is not done" : " is done");
    }
    if (!entry->owner.empty()) return StrCat(name, " is still claimed by ", entry->owner);
    if (entry->last_error != ToStd(object.error.message())) return StrCat(name, " has an error");
    std::set<uint64_t> rejected;
    for (const Rejection& kept : Kept(object.key)) rejected.insert(kept.source_row);
    if (rejected.size() != FakeCounts(object, object.rows.size()).rejected) {
      return StrCat(name, " has dead letters of rows that were not rejected");
    }
    if (!entry->intent.empty()) return StrCat(name, " is covered by an open commit");
  }
  for (const FakeObject& object : earlier_objects) keys.insert(object.key);
  for (const LedgerKey& key : dead_letter.Objects()) {
    if (keys.count(key) == 0) return StrCat(key.object, " has dead letters and is not there");
  }
  return CheckPromise();
}

}  // namespace millrace
