#include "export/destination_export.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "import/record_run.h"

namespace millrace {
namespace {

// What decides, besides the window, which rows are delivered and how. Part of ledger keys.
std::string SelectionId(const ExportRequest& request) {
  const EventSelection& selection = request.windows.selection;
  std::vector<std::string> events = selection.events;
  std::sort(events.begin(), events.end());
  std::string text;
  for (const std::string& event : events) {
    AppendJsonString(text, event);
    text += ',';
  }
  AppendJsonString(text, selection.where);
  AppendJsonString(text, ToStd(selection.zone.name()));
  if (!selection.script.empty()) AppendJsonString(text, selection.script);
  std::vector<std::string> properties = selection.properties;
  std::sort(properties.begin(), properties.end());
  for (const std::string& property : properties) AppendJsonString(text += ';', property);
  return "export:" + ToHex(HashBytes(text));
}

std::string FolderOf(const ExportRequest& request, const std::string& destination) {
  return StrCat(request.state_folder, "/export/", request.project_id, "-", request.stream, "-",
                ToHex(HashBytes(destination)).substr(0, 16));
}

}  // namespace

DestinationExport::DestinationExport(const ExportRequest& request, const ExportParts& parts,
                                     Destination& destination, const std::atomic<int>& sharing_runs,
                                     ImportProgress& progress, std::stop_token stop)
    : request_(request),
      parts_(parts),
      destination_(destination),
      delivery_(request.delivery),
      sources_(request.delivery.sources),
      progress_(progress),
      begin_(parts.clock.Elapsed()),
      traffic_before_{destination.traffic().requests, destination.traffic().bytes_sent},
      on_outer_stop_(std::move(stop), [this] { stop_.request_stop(); }) {
  delivery_.run.sharing_runs = &sharing_runs;
  if (delivery_.strict) progress_.warnings.MakeErrors();
}

DestinationExport::~DestinationExport() { stop_.request_stop(); }

std::string DestinationExport::StreamName() const {
  return StrCat("mixpanel:", request_.project_id, "/", request_.stream);
}

std::string DestinationExport::ObjectOf(const std::string& window) const {
  return StrCat(StreamName(), "/", window);
}

std::unique_ptr<WindowClaims> DestinationExport::NewClaims(std::string selection) {
  return std::make_unique<WindowClaims>(
      parts_.ledger, WindowClaimOptions{.destination = destination_.LedgerName(request_.type),
                                        .label = destination_.label(),
                                        .selection = std::move(selection),
                                        .lease = delivery_.run.lease,
                                        .retry = delivery_.run.retry,
                                        .on_lost = [this](absl::Status why) {
                                          absl::MutexLock lock(&mutex_);
                                          lost_.Update(why);
                                          stop_.request_stop();
                                        }});
}

absl::Status DestinationExport::Begin(const std::vector<std::string>& windows) {
  // First, because what another process has not finished yet must not be removed.
  running_ =
      NewClaims(request_.windows.by == WindowsBy::kEventDate ? "export" : "export:processed");
  ASSIGN_OR_RETURN(running_state_, running_->Claim(StreamName(), stop_.get_token()));
  claims_ = NewClaims(SelectionId(request_));
  for (const std::string& window : windows) RETURN_IF_ERROR(Claim(window));
  ASSIGN_OR_RETURN(
      folder_, DeliveryFolder::Open(FolderOf(request_, destination_.LedgerName(request_.type))));
  for (const PendingWindow& window : folder_->pending()) {
    if (!states_.contains(window.name)) RETURN_IF_ERROR(Claim(window.name));
  }
  for (auto& [window, state] : states_) RETURN_IF_ERROR(Compare(window, state));
  for (const std::string& window : windows) report_.windows_skipped += states_[window].closed;
  return absl::OkStatus();
}

absl::Status DestinationExport::Claim(const std::string& window) {
  ASSIGN_OR_RETURN(states_[window], claims_->Claim(ObjectOf(window), stop_.get_token()));
  return absl::OkStatus();
}

// Compares what the ledger says with what the folder has.
absl::Status DestinationExport::Compare(const std::string& window, WindowState& state) {
  const auto is_window = [&](const PendingWindow& one) { return one.name == window; };
  const auto& pending = folder_->pending();
  if (std::any_of(pending.begin(), pending.end(), is_window)) return absl::OkStatus();
  if (state.closed) return folder_->Forget(window);
  ASSIGN_OR_RETURN(const uint64_t delivered, folder_->Delivered(window));
  const bool was_completed = delivered > state.delivered;  // and then the process was killed
  if (was_completed) {
    state = {.delivered = delivered};
    return claims_->Store(ObjectOf(window), state, stop_.get_token());
  }
  if (delivered == state.delivered && state.in_flight == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(ObjectOf(window), " was exported to ", destination_.label(),
             " with another state folder, which alone knows what was delivered: use it again "
             "(--state DIR), because all rows of the window would be there twice"));
}

bool DestinationExport::wants(const std::string& window) const {
  const auto state = states_.find(window);
  return state != states_.end() && !state->second.closed;
}

std::optional<uint64_t> DestinationExport::rows_of(const std::string& window) const {
  const auto state = states_.find(window);
  if (state == states_.end() || state->second.delivered == 0) return std::nullopt;
  return state->second.delivered;
}

absl::Status DestinationExport::Start() {
  feed_ = std::make_unique<WindowFeed>();
  const std::vector<PendingWindow> pending = folder_->pending();
  // A snapshot, of which there is one at a time.
  std::string replacing;
  if (request_.type != RecordType::kEvent && !request_.profiles.append) {
    RETURN_IF_ERROR(OpenReplacement());
    if (!pending.empty()) replacing = ObjectOf(pending.front().name);
  }
  for (const PendingWindow& window : pending) RETURN_IF_ERROR(Offer(window));
  thread_ = std::jthread([this, replacing] {
    part_ = RunRecords({.request = delivery_,
                        .sources = sources_,
                        .type = request_.type,
                        .feed = *feed_,
                        .scripts = scripts_,
                        .destination = destination_,
                        .ledger = parts_.ledger,
                        .dead_letter = parts_.dead_letter,
                        .progress = progress_,
                        .replacement = replacement_.get(),
                        .replacing_object = replacing},
                       stop_.get_token());
    feed_->ReaderEnded();
  });
  pthread_setname_np(thread_.native_handle(), "deliver");
  return absl::OkStatus();
}

absl::Status DestinationExport::OpenReplacement() {
  absl::StatusOr<std::unique_ptr<Replacement>> opened =
      destination_.NewReplacement(request_.type, Scope());
  if (opened.ok()) {
    replacement_ = *std::move(opened);
    return absl::OkStatus();
  }
  return absl::IsInvalidArgument(opened.status()) ? absl::OkStatus() : opened.status();
}

absl::Status DestinationExport::Offer(const PendingWindow& window) {
  WindowState& state = states_[window.name];
  state.in_flight = window.rows;
  RETURN_IF_ERROR(claims_->Store(ObjectOf(window.name), state, stop_.get_token()));
  progress_.objects_listed += 1;
  return feed_->Add(ObjectOf(window.name), window.version, folder_->RowsPath(window.name));
}

absl::Status DestinationExport::Keep(const std::string& window, const WindowFile& file,
                                     RowHashes& hashes) {
  ASSIGN_OR_RETURN(const PendingWindow pending,
                   folder_->Add(window, file, hashes, /*closes=*/true));
  report_.delivery.counts.read += file.rows - pending.rows;
  report_.delivery.counts.filtered += file.rows - pending.rows;
  return pending.rows > 0 ? absl::OkStatus() : Record(pending);
}

absl::Status DestinationExport::Add(const std::string& window, const WindowFile& file,
                                    RowHashes& hashes, bool closes) {
  ASSIGN_OR_RETURN(const PendingWindow pending, folder_->Add(window, file, hashes, closes));
  report_.delivery.counts.read += file.rows - pending.rows;
  report_.delivery.counts.filtered += file.rows - pending.rows;
  if (pending.rows > 0) return Offer(pending);
  return Record(pending);
}

// The destination has all rows of the window.
absl::Status DestinationExport::Record(const PendingWindow& window) {
  ++report_.windows;
  if (window.delivered > 0 && running_state_.delivered == 0) {
    // From now on, the other kind of windows is refused.
    running_state_.delivered = 1;
    RETURN_IF_ERROR(running_->Store(StreamName(), running_state_, stop_.get_token()));
  }
  WindowState& state = states_[window.name];
  const WindowState now = {.closed = window.closes, .delivered = window.delivered};
  if (std::exchange(state, now) != now) {
    RETURN_IF_ERROR(claims_->Store(ObjectOf(window.name), now, stop_.get_token()));
  }
  return window.closes ? folder_->Forget(window.name) : absl::OkStatus();
}

absl::Status DestinationExport::Settle() {
  const std::vector<PendingWindow> pending = folder_->pending();
  for (const auto& [object, outcome] : feed_->TakeOutcomes()) {
    if (outcome.kind != ObjectOutcome::Kind::kImported &&
        outcome.kind != ObjectOutcome::Kind::kDoneBefore) {
      continue;
    }
    const auto is_its = [&, &object = object](const PendingWindow& one) {
      return ObjectOf(one.name) == object;
    };
    const auto window = std::find_if(pending.begin(), pending.end(), is_its);
    RETURN_IF_ERROR(folder_->Complete(window->name));
    RETURN_IF_ERROR(Record(*window));
  }
  return absl::OkStatus();
}

absl::Status DestinationExport::Finish() {
  feed_->End();
  thread_.join();
  report_.delivery.Add(part_);
  const absl::Status settled = Settle();
  feed_.reset();
  absl::MutexLock lock(&mutex_);
  if (!lost_.ok()) report_.delivery.status = lost_;
  report_.delivery.status.Update(settled);
  return settled;
}

DestinationReport DestinationExport::TakeReport() {
  ImportReport& delivery = report_.delivery;
  delivery.destination = destination_.label();
  delivery.requests = destination_.traffic().requests - traffic_before_[0];
  delivery.bytes_sent = destination_.traffic().bytes_sent - traffic_before_[1];
  delivery.AddProgress(progress_, parts_.clock.Elapsed() - begin_);
  if (delivery.first_error.empty() && !delivery.status.ok()) {
    delivery.first_error = ToStd(delivery.status.message());
  }
  return std::move(report_);
}

}  // namespace millrace
