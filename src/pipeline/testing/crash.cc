#include "pipeline/testing/crash.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/intents.h"

namespace millrace {
namespace {

absl::Status Dead() { return absl::InternalError("the process is dead"); }

// Does `effect` if the process lives; its response arrives only if the process still lives after
// it.
template <typename Effect>
auto Mortal(CrashPoint& crash, Effect effect) -> decltype(effect()) {
  if (!crash.Step()) return Dead();
  auto reply = effect();
  if (!crash.Step()) return Dead();
  return reply;
}

class MortalIntents : public Intents {
 public:
  MortalIntents(Intents& intents, CrashPoint& crash) : intents_(intents), crash_(crash) {}

  absl::Status Announce(Intent& intent, absl::Duration lease, std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.Announce(intent, lease, stop); });
  }
  absl::Status Renew(Intent& intent, absl::Duration lease, std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.Renew(intent, lease, stop); });
  }
  absl::Status Settle(Intent& intent, absl::Duration lease, std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.Settle(intent, lease, stop); });
  }
  absl::Status Withdraw(Intent& intent, std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.Withdraw(intent, stop); });
  }
  absl::StatusOr<std::optional<Intent>> Take(const std::string& id, const std::string& owner,
                                             bool owner_is_dead, absl::Duration lease,
                                             std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.Take(id, owner, owner_is_dead, lease, stop); });
  }
  absl::StatusOr<std::vector<Intent>> List(const std::string& destination,
                                           std::stop_token stop) override {
    return Mortal(crash_, [&] { return intents_.List(destination, stop); });
  }

 private:
  Intents& intents_;
  CrashPoint& crash_;
};

class MortalLedger : public Ledger {
 public:
  MortalLedger(Ledger& ledger, CrashPoint& crash)
      : ledger_(ledger), crash_(crash), intents_(ledger.intents(), crash) {}

  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    return Mortal(crash_, [&] { return ledger_.ClaimObject(request, stop); });
  }
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    return Mortal(crash_, [&] { return ledger_.Store(entry, lease, stop); });
  }
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    return Mortal(crash_, [&] { return ledger_.Release(entry, stop); });
  }
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    return Mortal(crash_, [&] { return ledger_.Forget(key, stop); });
  }
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return ledger_.ForEach(visit, stop);
  }
  Intents& intents() override { return intents_; }

 private:
  Ledger& ledger_;
  CrashPoint& crash_;
  MortalIntents intents_;
};

class MortalDeadLetterQueue : public DeadLetterQueue {
 public:
  MortalDeadLetterQueue(DeadLetterQueue& dead_letter, CrashPoint& crash)
      : dead_letter_(dead_letter), crash_(crash) {}

  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    return Mortal(crash_, [&] { return dead_letter_.Add(object, rejections); });
  }
  absl::Status Sync(const LedgerKey& object) override {
    return Mortal(crash_, [&] { return dead_letter_.Sync(object); });
  }
  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override {
    // The lease was checked just before; no process sleeps for a whole one in between.
    if (!crash_.Step(/*interruptible=*/false)) return Dead();
    const absl::Status status = dead_letter_.RemoveRows(object, begin, end);
    return crash_.Step() ? status : Dead();
  }

 private:
  DeadLetterQueue& dead_letter_;
  CrashPoint& crash_;
};

class MortalSource : public Source {
 public:
  MortalSource(Source& source, CrashPoint& crash) : source_(source), crash_(crash) {}

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    const std::stop_callback forward(stop, [this] { end_.request_stop(); });
    return Mortal(crash_, [&] { return source_.Next(end_.get_token()); });
  }
  bool Ready() override { return source_.Ready(); }
  void Ack(const LedgerEntry& object) override {
    if (!crash_.Step()) {
      end_.request_stop();
      return;
    }
    source_.Ack(object);
    crash_.Step();
  }
  void Release(const LedgerEntry& object, Unfinished why) override {
    if (!crash_.Step()) {
      end_.request_stop();
      return;
    }
    source_.Release(object, why);
  }

 private:
  Source& source_;
  CrashPoint& crash_;
  std::stop_source end_;  // what does not reach the source, it must not wait for
};

class MortalTransform : public Transform {
 public:
  MortalTransform(std::unique_ptr<Transform> transform, CrashPoint& crash)
      : transform_(std::move(transform)), crash_(crash) {}

  void Begin(Chunk& chunk) override { transform_->Begin(chunk); }
  bool Next(size_t max_bytes, Transformed& out) override {
    return !crash_.Step() || transform_->Next(max_bytes, out);
  }

 private:
  const std::unique_ptr<Transform> transform_;
  CrashPoint& crash_;
};

class MortalSink : public Sink {
 public:
  MortalSink(std::unique_ptr<Sink> sink, CrashPoint& crash)
      : sink_(std::move(sink)), crash_(crash) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (!crash_.Step()) return WriteResult::Stop(Dead());
    WriteResult result = sink_->Write(batch, spans, stop);
    return crash_.Step() ? result : WriteResult::Stop(Dead());
  }

 private:
  const std::unique_ptr<Sink> sink_;
  CrashPoint& crash_;
};

class MortalCursor : public DeliveryCursor {
 public:
  MortalCursor(DeliveryCursor& cursor, CrashPoint& crash) : cursor_(cursor), crash_(crash) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    return Mortal(crash_, [&] { return cursor_.Claim(object, writer, stop); });
  }
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override {
    return Mortal(crash_, [&] { return cursor_.Forget(object, stop); });
  }
  void Release(const LedgerKey& object, const std::string& writer, bool delivered) override {
    if (crash_.Step()) cursor_.Release(object, writer, delivered);
  }

 private:
  DeliveryCursor& cursor_;
  CrashPoint& crash_;
};

class MortalReplacement : public Replacement {
 public:
  MortalReplacement(Replacement& replacement, CrashPoint& crash)
      : replacement_(replacement), crash_(crash), cursor_(replacement, crash) {}

  absl::StatusOr<RowRanges> Claim(const LedgerKey& object, const std::string& writer,
                                  std::stop_token stop) override {
    return cursor_.Claim(object, writer, std::move(stop));
  }
  absl::Status Forget(const LedgerKey& object, std::stop_token stop) override {
    return cursor_.Forget(object, std::move(stop));
  }
  std::unique_ptr<Sink> NewSink() override {
    return std::make_unique<MortalSink>(replacement_.NewSink(), crash_);
  }
  absl::Status Publish(const LedgerKey& object, const std::string& writer,
                       std::stop_token stop) override {
    return Mortal(crash_, [&] { return replacement_.Publish(object, writer, stop); });
  }

 private:
  Replacement& replacement_;
  CrashPoint& crash_;
  MortalCursor cursor_;
};

class MortalStagedSink : public StagedSink {
 public:
  MortalStagedSink(std::unique_ptr<StagedSink> sink, CrashPoint& crash)
      : sink_(std::move(sink)), crash_(crash) {}

  WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    if (!crash_.Step()) return WriteResult::Stop(Dead());
    WriteResult result = sink_->Stage(batch, spans, stop);
    return crash_.Step() ? result : WriteResult::Stop(Dead());
  }
  absl::StatusOr<std::vector<std::string>> Seal(const std::string& commit_id,
                                                std::stop_token stop) override {
    return Mortal(crash_, [&] { return sink_->Seal(commit_id, stop); });
  }
  size_t staged_bytes() const override { return sink_->staged_bytes(); }

 private:
  const std::unique_ptr<StagedSink> sink_;
  CrashPoint& crash_;
};

class MortalCommitter : public Committer {
 public:
  MortalCommitter(std::unique_ptr<Committer> committer, CrashPoint& crash)
      : committer_(std::move(committer)), crash_(crash) {}

  CommitResult Commit(const Intent& intent, std::stop_token stop) override {
    const CommitResult dead{.kind = CommitResult::Kind::kStop, .status = Dead()};
    if (!crash_.Step()) return dead;
    CommitResult result = committer_->Commit(intent, stop);
    return crash_.Step() ? result : dead;
  }
  absl::Status Abandon(const Intent& intent, std::stop_token stop) override {
    return Mortal(crash_, [&] { return committer_->Abandon(intent, stop); });
  }

 private:
  const std::unique_ptr<Committer> committer_;
  CrashPoint& crash_;
};

class MortalStaging : public Staging {
 public:
  MortalStaging(Staging& staging, CrashPoint& crash) : staging_(staging), crash_(crash) {}

  std::unique_ptr<StagedSink> NewSink() override {
    return std::make_unique<MortalStagedSink>(staging_.NewSink(), crash_);
  }
  std::unique_ptr<Committer> NewCommitter() override {
    return std::make_unique<MortalCommitter>(staging_.NewCommitter(), crash_);
  }
  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override {
    return Mortal(crash_, [&] { return staging_.RemoveOrphans(open, stop); });
  }

 private:
  Staging& staging_;
  CrashPoint& crash_;
};

}  // namespace

std::unique_ptr<DeadLetterQueue> NewMortalDeadLetterQueue(DeadLetterQueue& dead_letter,
                                                          CrashPoint& crash) {
  return std::make_unique<MortalDeadLetterQueue>(dead_letter, crash);
}

std::unique_ptr<Staging> NewMortalStaging(Staging& staging, CrashPoint& crash) {
  return std::make_unique<MortalStaging>(staging, crash);
}

std::unique_ptr<Ledger> NewMortalLedger(Ledger& ledger, CrashPoint& crash) {
  return std::make_unique<MortalLedger>(ledger, crash);
}

RunReport RunUntilCrash(RunParts parts, const RunOptions& options, std::stop_token stop,
                        CrashPoint& crash) {
  MortalSource source(parts.source, crash);
  const auto make_transform = [&] {
    return std::make_unique<MortalTransform>(parts.make_transform(), crash);
  };
  const auto make_sink = [&] { return std::make_unique<MortalSink>(parts.make_sink(), crash); };
  std::optional<MortalCursor> cursor;
  if (parts.cursor != nullptr) cursor.emplace(*parts.cursor, crash);
  std::optional<MortalReplacement> replacement;
  if (parts.replacement != nullptr) replacement.emplace(*parts.replacement, crash);
  return Run({.source = source,
              .make_transform = make_transform,
              .make_sink = make_sink,
              .ledger = parts.ledger,
              .dead_letter = parts.dead_letter,
              .cursor = cursor.has_value() ? &*cursor : nullptr,
              .staging = parts.staging,
              .replacement = replacement.has_value() ? &*replacement : nullptr,
              .replacing_object = parts.replacing_object,
              .clock = parts.clock},
             options, std::move(stop));
}

}  // namespace millrace
