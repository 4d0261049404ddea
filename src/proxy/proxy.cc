#include "proxy/proxy.h"

#include <atomic>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "mapping/row_mapper.h"
#include "net/browser_guard.h"
#include "proxy/admin_handler.h"
#include "proxy/dead_letter_desk.h"
#include "proxy/dead_letter_writer.h"
#include "proxy/record_appender.h"
#include "script/script_pool.h"
#include "spool/delivery.h"
#include "spool/spool_entries.h"

namespace millrace::proxy {
namespace {

// After a stop: of destinations, for requests that wait for them, and of the server after that.
constexpr absl::Duration kConfirmTime = absl::Seconds(3), kAnswerTime = absl::Seconds(5);

// How records of the log are mapped for a destination: as they are, or by its transform.
absl::StatusOr<SpoolEntries> EntriesFor(const ProxyDestination& follower, ScriptPool& scripts) {
  ASSIGN_OR_RETURN(SpoolEntries entries, MakeSpoolEntries(follower.transform));
  for (const auto& [type, entry] : entries) {
    RETURN_IF_ERROR(
        RowMapper::Make(entry, Clock::Real().Now(), follower.destination->rules(), &scripts)
            .status());
  }
  return entries;
}

class RunningProxy final : public Proxy {
 public:
  RunningProxy(const ProxyOptions& options, DeadLetterQueue& dead_letter)
      : options_(options), dead_letter_(dead_letter) {}
  ~RunningProxy() override { Stop(); }

  absl::Status Open(const std::vector<ProxyDestination>& destinations, const std::stop_token& stop);
  absl::Status Listen();

  std::string url() const override { return server_->url(); }
  std::string admin_url() const override { return admin_->url(); }
  void SetTokens(TokenRules tokens) override {
    {
      absl::MutexLock lock(&tokens_mutex_);
      tokens_ = tokens;
    }
    requests_->SetTokens(std::move(tokens));
  }
  absl::Status SetRules(const PublicHandlerOptions& requests) override {
    return requests_->SetRules(requests);
  }
  absl::Status SetCertificate(const TlsCertificate& certificate) override {
    return server_->SetCertificate(certificate);
  }

  void Stop() override {
    StopServer();
    if (status_ != nullptr) status_->Stop();
    for (const auto& delivery : deliveries_) delivery->Stop();
    if (admin_ != nullptr) admin_->Stop();
  }

 private:
  void StopServer();
  absl::Status SetFollowers(const std::vector<ProxyDestination>& destinations);
  void OpenDesk();
  absl::Status ListenForAdmins();

  const ProxyOptions options_;
  DeadLetterQueue& dead_letter_;
  Clock& clock_ = Clock::Real();
  ScriptPool scripts_;
  std::atomic<int> sharing_runs_ = 0;
  std::unique_ptr<Spool> spool_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  // The handler is used until the log has acknowledged what it appended.
  std::unique_ptr<RecordAppender> appender_;
  std::unique_ptr<DeadLetterWriter> rejected_;
  std::unique_ptr<PassThrough> upstream_;
  std::unique_ptr<PublicHandler> requests_;
  std::vector<ReplayTarget> targets_;  // the destinations
  absl::Mutex tokens_mutex_;
  TokenRules tokens_ ABSL_GUARDED_BY(tokens_mutex_);
  std::unique_ptr<DeadLetterDesk> desk_;
  std::unique_ptr<AdminHandler> status_;
  std::unique_ptr<HttpServer> server_;
  std::atomic<HttpServer*> open_server_ = nullptr;  // server_, for the admin listener's thread
  std::unique_ptr<HttpServer> admin_;
};

// Requests that wait for destinations are answered in time for the server to send that.
void RunningProxy::StopServer() {
  if (server_ == nullptr) return;
  Confirmations* const confirmations = spool_->confirmations();
  if (confirmations == nullptr) return server_->Stop(kAnswerTime);
  const std::jthread refuse([this, confirmations](const std::stop_token& stop) {
    if (clock_.SleepFor(kConfirmTime, stop)) confirmations->Close();
  });
  server_->Stop(kConfirmTime + kAnswerTime);
}

absl::Status RunningProxy::SetFollowers(const std::vector<ProxyDestination>& destinations) {
  std::vector<SpoolFollower> followers;
  for (const ProxyDestination& one : destinations) {
    followers.push_back(
        Delivery::FollowerOf(*one.destination, options_.new_destinations_from_oldest));
  }
  ASSIGN_OR_RETURN(const std::vector<FollowerStatus> left,
                   spool_->SetFollowers(std::move(followers)));
  for (const FollowerStatus& one : left) {
    Log(Severity::kWarning,
        "a destination is no longer followed; records that it has not got stay "
        "away from it",
        {{"destination", one.name},
         {"accepted", one.counts.accepted},
         {"not_delivered", one.pending()}});
  }
  return absl::OkStatus();
}

absl::Status RunningProxy::Open(const std::vector<ProxyDestination>& destinations,
                                const std::stop_token& stop) {
  for (const ProxyDestination& one : destinations) {
    ASSIGN_OR_RETURN(SpoolEntries entries, EntriesFor(one, scripts_));
    targets_.push_back({one.destination, std::move(entries)});
  }
  ASSIGN_OR_RETURN(spool_, Spool::Open(options_.spool, clock_, stop));
  RETURN_IF_ERROR(SetFollowers(destinations));
  const DeliveryParts parts{*spool_, dead_letter_, scripts_, options_.run, sharing_runs_, clock_};
  for (const ReplayTarget& one : targets_) {
    deliveries_.push_back(std::make_unique<Delivery>(*one.destination, one.entries, parts));
  }
  for (const auto& delivery : deliveries_) delivery->Start();
  return absl::OkStatus();
}

absl::Status RunningProxy::Listen() {
  if (Confirmations* const confirmations = spool_->confirmations()) {
    appender_ = std::make_unique<ConfirmedAppender>(spool_->log(), *confirmations);
  } else {
    appender_ = std::make_unique<LogAppender>(spool_->log());
  }
  rejected_ = std::make_unique<DeadLetterWriter>(
      DeadLetterWriter::Options{.spool = spool_->log().id()}, dead_letter_);
  upstream_ = std::make_unique<PassThrough>(
      options_.upstream, [] { return NewCurlHttpClient(); }, clock_);
  ASSIGN_OR_RETURN(requests_, PublicHandler::Make(options_.requests, *appender_, *rejected_,
                                                  *upstream_, clock_));
  SetTokens(options_.tokens);
  OpenDesk();
  RETURN_IF_ERROR(ListenForAdmins());
  HttpServerOptions listen = options_.listen;
  listen.on_refusal = [this](const ServerRequest& request, ServerResponse* reply) {
    requests_->OnRefusal(request, reply);
  };
  ASSIGN_OR_RETURN(server_, HttpServer::Start(listen, [this](const ServerRequest& request) {
                     return requests_->Handle(request);
                   }));
  open_server_ = server_.get();
  return absl::OkStatus();
}

void RunningProxy::OpenDesk() {
  DeadLetterDeskOptions options{.folder = options_.dead_letter_folder,
                                // One in memory is another one after each start.
                                .spool = options_.spool.folder.empty() ? "" : spool_->log().id(),
                                .retry = options_.run.retry};
  const auto tokens = [this] {
    absl::MutexLock lock(&tokens_mutex_);
    return tokens_;
  };
  desk_ =
      std::make_unique<DeadLetterDesk>(std::move(options), targets_, *appender_, tokens, clock_);
}

absl::Status RunningProxy::ListenForAdmins() {
  const auto connections = [this] {
    HttpServer* const server = open_server_;
    return server == nullptr ? 0 : server->connections();
  };
  const auto url = [this] {
    HttpServer* const server = open_server_;
    return server == nullptr ? "" : server->url();
  };
  std::vector<Destination*> dropped;
  if (options_.allows_drop) {
    for (const ReplayTarget& target : targets_) dropped.push_back(target.destination);
  }
  status_ =
      std::make_unique<AdminHandler>(AdminParts{.spool = *spool_,
                                                .deliveries = deliveries_,
                                                .requests = *requests_,
                                                .dead_letters = *desk_,
                                                .connections = connections,
                                                .url = url,
                                                .demo = options_.demo,
                                                .listen_host = HostOf(options_.admin_listen.listen),
                                                .token = options_.admin_token,
                                                .dropped = std::move(dropped),
                                                .clock = clock_});
  ASSIGN_OR_RETURN(admin_,
                   HttpServer::Start(options_.admin_listen, [this](const ServerRequest& request) {
                     return status_->Handle(request);
                   }));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTransform(const ProxyDestination& destination) {
  ScriptPool scripts;
  return EntriesFor(destination, scripts).status();
}

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Start(const ProxyOptions& options,
                                                    std::vector<ProxyDestination> destinations,
                                                    DeadLetterQueue& dead_letter,
                                                    const std::stop_token& stop) {
  auto proxy = std::make_unique<RunningProxy>(options, dead_letter);
  RETURN_IF_ERROR(proxy->Open(destinations, stop));
  RETURN_IF_ERROR(proxy->Listen());
  return proxy;
}

}  // namespace millrace::proxy
