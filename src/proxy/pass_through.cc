#include "proxy/pass_through.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/server_response.h"
#include "proxy/library_cache.h"

namespace millrace::proxy {
namespace {

// Of requests: what upstream needs. Cookies stay here.
constexpr std::string_view kForwardedHeaders[] = {
    "authorization", "content-type", "content-encoding", "traceparent",
    "accept",        "user-agent",   "origin",           "referer"};
// Of responses; Content-Type is a field of its own, and CORS headers are the proxy's.
constexpr std::string_view kReturnedHeaders[] = {"retry-after", "cache-control", "etag"};

// The fields that the SDKs read: python's flags need `code`, those of local evaluation an array,
// android's settings `recording.is_enabled`; the browser's recorder continues only after JSON.
std::string_view StubOf(Route route) {
  switch (route) {
    case Route::kFlags:
      return R"({"code":200,"flags":{}})";
    case Route::kFlagDefinitions:
      return R"({"code":200,"flags":[]})";
    case Route::kSettings:
      return R"({"recording":{"is_enabled":true},"sdk_config":{"config":{}}})";
    case Route::kDecide:
      return "{}";
    default:
      return R"({"code":200,"status":"OK"})";
  }
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// A query as it may stand in a URL: bytes that end it or are no part of URLs are escaped.
std::string SafeQuery(std::string_view query) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string safe;
  for (const char c : query) {
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = byte > ' ' && byte < 0x7f && c != '#' && c != '"' && c != '<' &&
                         c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' &&
                         c != '}';
    if (allowed) {
      safe += c;
    } else {
      safe += '%';
      safe += kHex[byte >> 4];
      safe += kHex[byte & 15];
    }
  }
  return safe;
}

ServerResponse Unavailable(std::string_view why, absl::Duration retry_after) {
  ServerResponse reply = ErrorResponse(503, why);
  reply.headers.emplace_back("Retry-After", StrCat(absl::ToInt64Seconds(retry_after)));
  return reply;
}

// A request that waits for a thread.
struct Job {
  HttpRequest request;
  std::string body;
  size_t bytes = 0;
  absl::Duration began;
  std::function<void(absl::StatusOr<HttpResponse>)> done;
};

// A client that waits for a library.
struct Waiter {
  std::shared_ptr<PendingResponse> pending;
  std::string if_none_match;
  ResponseHeaders headers;
};

}  // namespace

class PassThrough::Impl : public std::enable_shared_from_this<PassThrough::Impl> {
 public:
  Impl(PassThroughOptions options, Clock& clock)
      : options_(std::move(options)), clock_(clock), cache_(options_.cache_bytes) {
    options_.api_url = WithoutSlash(options_.api_url);
    options_.decide_url = WithoutSlash(options_.decide_url);
    options_.library_url = WithoutSlash(options_.library_url);
  }

  void Start(const NewClient& new_client);
  void Stop();
  ServerResponse Forward(const ServerRequest& request, const RouteMatch& match,
                         std::string_view client_address, const ResponseHeaders& headers);
  ServerResponse Library(const ServerRequest& request, const RouteMatch& match,
                         const ResponseHeaders& headers);

  PassThroughCounts counts;

 private:
  // False: too many wait.
  bool Offer(Job job);
  void Work(HttpClient& client);
  std::optional<Job> Take();
  ServerResponse ToResponse(const absl::StatusOr<HttpResponse>& response);
  bool BeginFetch(const std::string& path, std::optional<Waiter> waiter);
  std::vector<Waiter> EndFetch(const std::string& path);
  bool Fetch(const std::string& path, std::shared_ptr<const CachedFile> stale);
  void OnFetched(const std::string& path, const std::shared_ptr<const CachedFile>& stale,
                 const absl::StatusOr<HttpResponse>& response);
  ServerResponse FileResponse(const CachedFile& file, std::string_view if_none_match,
                              const ResponseHeaders& headers);

  PassThroughOptions options_;
  Clock& clock_;
  LibraryCache cache_;
  std::stop_source stop_;
  std::vector<std::thread> threads_;

  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  // Libraries that are being fetched.
  absl::flat_hash_map<std::string, std::vector<Waiter>> waiters_ ABSL_GUARDED_BY(mutex_);
};

void PassThrough::Impl::Start(const NewClient& new_client) {
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    threads_.emplace_back(
        [this, client = std::shared_ptr<HttpClient>(new_client())] { Work(*client); });
    pthread_setname_np(threads_.back().native_handle(), StrCat("forward-", i).c_str());
  }
}

void PassThrough::Impl::Stop() {
  stop_.request_stop();
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  std::deque<Job> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(jobs_);
  }
  for (Job& job : left) job.done(absl::CancelledError("the proxy is stopping"));
}

bool PassThrough::Impl::Offer(Job job) {
  job.began = clock_.Elapsed();
  job.bytes = job.body.size();
  absl::MutexLock lock(&mutex_);
  if (ends_ || jobs_.size() >= options_.max_waiting ||
      waiting_bytes_ + job.bytes > options_.max_waiting_bytes) {
    ++counts.refused;
    return false;
  }
  waiting_bytes_ += job.bytes;
  jobs_.push_back(std::move(job));
  return true;
}

std::optional<Job> PassThrough::Impl::Take() {
  absl::MutexLock lock(&mutex_);
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ends_ || !jobs_.empty();
  };
  mutex_.Await(absl::Condition(&has_work));
  if (ends_) return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void PassThrough::Impl::Work(HttpClient& client) {
  while (std::optional<Job> job = Take()) {
    const absl::Duration left = options_.timeout - (clock_.Elapsed() - job->began);
    absl::StatusOr<HttpResponse> response = absl::UnavailableError("the request waited too long");
    if (left > absl::ZeroDuration()) {
      job->request.body = job->body;
      job->request.timeout = left;
      job->request.connect_timeout = std::min(left, job->request.connect_timeout);
      response = client.Send(job->request, stop_.get_token());
    }
    if (!response.ok()) ++counts.failed;
    job->done(std::move(response));
    absl::MutexLock lock(&mutex_);
    waiting_bytes_ -= job->bytes;
  }
}

ServerResponse PassThrough::Impl::ToResponse(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) return Unavailable("Mixpanel did not respond", options_.retry_after);
  ServerResponse reply;
  reply.status = response->status;
  reply.content_type = response->header("content-type");
  reply.body = response->body;
  for (const std::string_view name : kReturnedHeaders) {
    const std::string_view value = response->header(name);
    if (!value.empty()) reply.headers.emplace_back(name, value);
  }
  return reply;
}

ServerResponse PassThrough::Impl::Forward(const ServerRequest& request, const RouteMatch& match,
                                          std::string_view client_address,
                                          const ResponseHeaders& headers) {
  const auto with_headers = [&headers](ServerResponse reply) {
    reply.headers.insert(reply.headers.end(), headers.begin(), headers.end());
    return reply;
  };
  const std::string& url = match.route == Route::kDecide ? options_.decide_url : options_.api_url;
  if (url.empty()) {
    ++counts.stubbed;
    ServerResponse stub;
    stub.body = StubOf(match.route);
    return with_headers(std::move(stub));
  }
  if (request.method != "GET" && request.method != "POST") {
    return with_headers(ErrorResponse(405, "use GET or POST"));
  }
  Job job;
  job.body = request.body;
  job.request.method = request.method;
  job.request.url = StrCat(url, match.path, request.path.ends_with('/') ? "/" : "");
  if (!request.query.empty()) StrAppend(&job.request.url, "?", SafeQuery(request.query));
  for (const std::string_view name : kForwardedHeaders) {
    const std::string_view value = request.header(name);
    if (!value.empty()) job.request.headers.emplace_back(name, value);
  }
  if (!client_address.empty()) {
    job.request.headers.emplace_back("X-Forwarded-For", client_address);
    job.request.headers.emplace_back("X-Real-IP", client_address);
  }
  if (const std::string_view host = request.header("host"); !host.empty()) {
    job.request.headers.emplace_back("X-Forwarded-Host", host);
  }
  job.request.max_response_bytes = options_.max_response_bytes;
  ++counts.forwarded;

  // What is answered if nothing else is.
  ServerResponse reply =
      with_headers(Unavailable("Mixpanel did not respond", options_.retry_after));
  reply.later_timeout = options_.timeout + absl::Seconds(5);
  reply.later = [self = shared_from_this(), job = std::make_shared<Job>(std::move(job)),
                 headers](std::shared_ptr<PendingResponse> pending) {
    job->done = [self = self.get(), pending, headers](absl::StatusOr<HttpResponse> response) {
      ServerResponse reply = self->ToResponse(response);
      reply.headers.insert(reply.headers.end(), headers.begin(), headers.end());
      pending->Send(std::move(reply));
    };
    self->Offer(std::move(*job));  // refused: the pending response ends, and the fallback is sent
  };
  return reply;
}

ServerResponse PassThrough::Impl::FileResponse(const CachedFile& file,
                                               std::string_view if_none_match,
                                               const ResponseHeaders& headers) {
  ServerResponse reply;
  const absl::Duration age =
      std::clamp(file.fresh_until - clock_.Now(), absl::Minutes(1), absl::Hours(24));
  reply.headers.emplace_back("Cache-Control",
                             StrCat("public, max-age=", absl::ToInt64Seconds(age)));
  if (!file.etag.empty()) reply.headers.emplace_back("ETag", file.etag);
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.headers.insert(reply.headers.end(), headers.begin(), headers.end());
  const bool varies = std::any_of(headers.begin(), headers.end(),
                                  [](const auto& header) { return header.first == "Vary"; });
  if (!varies) reply.headers.emplace_back("Vary", "Origin");
  if (!file.etag.empty() && if_none_match == file.etag) {
    reply.status = 304;
    return reply;
  }
  reply.content_type = file.content_type;
  reply.body = file.body;
  return reply;
}

ServerResponse PassThrough::Impl::Library(const ServerRequest& request, const RouteMatch& match,
                                          const ResponseHeaders& headers) {
  const auto error = [&headers](int status, std::string_view text) {
    ServerResponse reply = ErrorResponse(status, text);
    reply.headers = headers;
    return reply;
  };
  if (request.method != "GET" && request.method != "HEAD") return error(405, "use GET");
  constexpr std::string_view kFolder = "/libs/";
  std::string path;
  if (match.path.starts_with(kFolder)) path = match.path.substr(kFolder.size());
  if (match.path.ends_with("/lib.min.js")) path = "mixpanel-2-latest.min.js";
  if (match.path.ends_with("/lib.js")) path = "mixpanel-2-latest.js";
  if (options_.library_url.empty() || !IsLibraryPath(path)) return error(404, "not found");

  const std::shared_ptr<const CachedFile> file = cache_.Find(path);
  const std::string_view if_none_match = request.header("if-none-match");
  if (file != nullptr && clock_.Now() < file->fresh_until) {
    ++counts.library_hits;
    return FileResponse(*file, if_none_match, headers);
  }
  ++counts.library_misses;
  if (file != nullptr) {  // stale: it serves until the new one is here
    if (BeginFetch(path, std::nullopt) && !Fetch(path, file)) EndFetch(path);
    return FileResponse(*file, if_none_match, headers);
  }
  ServerResponse reply = Unavailable("the library is not available", options_.retry_after);
  reply.headers.insert(reply.headers.end(), headers.begin(), headers.end());
  reply.later_timeout = options_.timeout + absl::Seconds(5);
  reply.later = [self = shared_from_this(), path, headers,
                 etag = std::string(if_none_match)](std::shared_ptr<PendingResponse> pending) {
    const bool is_first = self->BeginFetch(path, Waiter{std::move(pending), etag, headers});
    if (is_first && !self->Fetch(path, nullptr)) self->EndFetch(path);
  };
  return reply;
}

// True if nobody fetches the library yet. A `waiter` too many is dropped, which gets its fallback.
bool PassThrough::Impl::BeginFetch(const std::string& path, std::optional<Waiter> waiter) {
  absl::MutexLock lock(&mutex_);
  const auto [waiters, inserted] = waiters_.try_emplace(path);
  if (waiter && waiters->second.size() < options_.max_waiting) {
    waiters->second.push_back(*std::move(waiter));
  }
  return inserted;
}

// Those who waited for the library, which is no longer being fetched.
std::vector<Waiter> PassThrough::Impl::EndFetch(const std::string& path) {
  std::vector<Waiter> waiters;
  absl::MutexLock lock(&mutex_);
  const auto found = waiters_.find(path);
  if (found == waiters_.end()) return waiters;
  waiters = std::move(found->second);
  waiters_.erase(found);
  return waiters;
}

bool PassThrough::Impl::Fetch(const std::string& path, std::shared_ptr<const CachedFile> stale) {
  Job job;
  job.request.url = StrCat(options_.library_url, "/", path);
  job.request.max_response_bytes = options_.max_response_bytes;
  job.request.accept_gzip = true;
  if (stale != nullptr && !stale->etag.empty()) {
    job.request.headers.emplace_back("If-None-Match", stale->etag);
  }
  job.done = [this, path, stale = std::move(stale)](const absl::StatusOr<HttpResponse>& response) {
    OnFetched(path, stale, response);
  };
  return Offer(std::move(job));
}

void PassThrough::Impl::OnFetched(const std::string& path,
                                  const std::shared_ptr<const CachedFile>& stale,
                                  const absl::StatusOr<HttpResponse>& response) {
  std::shared_ptr<const CachedFile> file = stale;
  const bool is_new = response.ok() && response->status == 200;
  const bool is_confirmed = response.ok() && response->status == 304 && stale != nullptr;
  if (is_new || is_confirmed) {
    auto fetched = is_new ? std::make_shared<CachedFile>() : std::make_shared<CachedFile>(*stale);
    if (is_new) {
      fetched->body = response->body;
      fetched->content_type = response->header("content-type");
      fetched->etag = response->header("etag");
    }
    fetched->max_age = MaxAge(response->header("cache-control"), options_.default_max_age);
    fetched->fresh_until = clock_.Now() + fetched->max_age;
    file = fetched;
    cache_.Put(path, file);
  }
  for (Waiter& waiter : EndFetch(path)) {
    ServerResponse reply;
    if (file != nullptr) {
      reply = FileResponse(*file, waiter.if_none_match, waiter.headers);
    } else {
      const bool missing = response.ok() && response->status / 100 == 4;
      reply = missing ? ErrorResponse(404, "not found")
                      : Unavailable("the library is not available", options_.retry_after);
      reply.headers.insert(reply.headers.end(), waiter.headers.begin(), waiter.headers.end());
    }
    waiter.pending->Send(std::move(reply));
  }
}

PassThrough::PassThrough(PassThroughOptions options, NewClient new_client, Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(options), clock)) {
  impl_->Start(new_client);
}

PassThrough::~PassThrough() { impl_->Stop(); }

ServerResponse PassThrough::Handle(const ServerRequest& request, const RouteMatch& match,
                                   std::string_view client_address,
                                   const ResponseHeaders& headers) {
  return match.route == Route::kLibrary ? impl_->Library(request, match, headers)
                                        : impl_->Forward(request, match, client_address, headers);
}

const PassThroughCounts& PassThrough::counts() const { return impl_->counts; }

}  // namespace millrace::proxy
