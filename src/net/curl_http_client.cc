// HttpClient over libcurl: a multi handle with one transfer at a time, so that a stop can wake the
// wait for the network.
#include <curl/curl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "net/response_counts.h"

namespace millrace {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxHeaderBytes = 256 << 10;
constexpr long kReceiveBytes = 128 << 10;
constexpr long kSendBytes = 128 << 10;  // libcurl copies what it sends through a buffer
constexpr int kLongestWaitMs = 60'000;  // a stop or a byte ends a wait earlier

void InitializeCurlOnce() {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialized != CURLE_OK) throw std::bad_alloc();
}

long Milliseconds(absl::Duration duration) {
  if (duration <= absl::ZeroDuration()) return 0;
  return std::max<long>(1, absl::ToInt64Milliseconds(std::min(duration, absl::Hours(24 * 20))));
}

bool HasLineBreak(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

struct SlistDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, SlistDeleter>;

void Append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  (void)list.release();
  list.reset(longer);
}

// The request's headers for libcurl: "Name:" without a value removes one of libcurl's own headers.
absl::StatusOr<HeaderList> MakeHeaders(const HttpRequest& request) {
  HeaderList list;
  Append(list, "Expect:");  // waits for "100 Continue" cost a round trip or a second
  bool has_content_type = false;
  for (const auto& [name, value] : request.headers) {
    if (HasLineBreak(name) || HasLineBreak(value)) {
      return absl::InvalidArgumentError("a request header contains a line break");
    }
    has_content_type |= absl::AsciiStrToLower(name) == "content-type";
    Append(list, value.empty() ? StrCat(name, ";") : StrCat(name, ": ", value));
  }
  if (!has_content_type) Append(list, "Content-Type:");
  return list;
}

// What one exchange receives; libcurl's callbacks fill it.
struct Exchange {
  Exchange(const HttpRequest& request, CURL* easy) : request(request), easy(easy) {}

  size_t OnHeader(std::string_view line) noexcept;
  size_t OnBody(std::string_view piece) noexcept;
  // Sets response.status and, the first time, passes a 2xx response to on_head.
  absl::Status ShowHead();
  bool succeeds() const { return response.status / 100 == 2; }

  const HttpRequest& request;
  CURL* const easy;
  HttpResponse response;
  absl::Status error;         // why a callback ended the exchange
  absl::Status caller_error;  // of on_body
  size_t header_bytes = 0;
  bool head_shown = false;
};

// Returning another number than the bytes given makes libcurl end the transfer.
constexpr size_t kEndExchange = static_cast<size_t>(-1);

size_t Exchange::OnHeader(std::string_view line) noexcept {
  header_bytes += line.size();
  if (header_bytes > kMaxHeaderBytes) {
    error = absl::ResourceExhaustedError(
        StrCat("the response headers are longer than ", kMaxHeaderBytes, " bytes"));
    return kEndExchange;
  }
  if (line.substr(0, 5) == "HTTP/") {  // an interim response's headers do not count
    response.headers.clear();
    return line.size();
  }
  if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    const absl::string_view value = ToAbsl(line.substr(colon + 1));
    response.headers.emplace_back(absl::AsciiStrToLower(ToAbsl(line.substr(0, colon))),
                                  absl::StripAsciiWhitespace(value));
  }
  return line.size();
}

absl::Status Exchange::ShowHead() {
  if (std::exchange(head_shown, true)) return absl::OkStatus();
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  return succeeds() && request.on_head != nullptr ? request.on_head(response) : absl::OkStatus();
}

size_t Exchange::OnBody(std::string_view piece) noexcept {
  if (caller_error = ShowHead(); !caller_error.ok()) return kEndExchange;
  if (succeeds() && request.on_body != nullptr) {
    caller_error = request.on_body(piece);
    return caller_error.ok() ? piece.size() : kEndExchange;
  }
  if (response.body.size() + piece.size() > request.max_response_bytes) {
    error = absl::ResourceExhaustedError(
        StrCat("the response is longer than ", request.max_response_bytes, " bytes"));
    return kEndExchange;
  }
  response.body.append(piece);
  return piece.size();
}

size_t HeaderCallback(char* data, size_t, size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->OnHeader({data, size});
}

size_t BodyCallback(char* data, size_t, size_t size, void* exchange) {
  return static_cast<Exchange*>(exchange)->OnBody({data, size});
}

absl::Status ConnectError(CURL* easy) {
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (error == ECONNREFUSED) {
    return absl::UnavailableError("connection refused: is something listening there?");
  }
  return error == 0 ? absl::UnavailableError("no connection: is the network up?")
                    : absl::UnavailableError(ErrnoStatus(error, "no connection").message());
}

// `detail` is libcurl's own text; it may name the host, never a header or the query.
absl::Status TransferError(CURLcode code, CURL* easy, const char* detail) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return absl::UnavailableError("no such host: check its name and the network");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return absl::UnavailableError("no such proxy host: check https_proxy and http_proxy");
    case CURLE_COULDNT_CONNECT:
      return ConnectError(easy);
    case CURLE_OPERATION_TIMEDOUT:
      return absl::UnavailableError(detail);  // says what took how long
    case CURLE_GOT_NOTHING:
      return absl::UnavailableError("the connection was closed without a response");
    case CURLE_PARTIAL_FILE:
      return absl::UnavailableError("the connection was closed in the middle of the response");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return absl::UnavailableError("the connection was lost");
    case CURLE_PEER_FAILED_VERIFICATION:
      return absl::UnauthenticatedError(
          StrCat("the server's certificate is not trusted: ", std::string_view(detail),
                 " (SSL_CERT_FILE names a file of CA certificates to trust)"));
    case CURLE_SSL_CACERT_BADFILE:
      return absl::InvalidArgumentError(
          "the file of trusted certificates cannot be read; check SSL_CERT_FILE");
    case CURLE_SSL_CONNECT_ERROR:
      return absl::UnavailableError(
          StrCat("no TLS connection: does the port speak https? ", std::string_view(detail)));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError("not an http or https URL");
    default:
      return absl::UnavailableError(curl_easy_strerror(code));
  }
}

// How long an exchange may wait for the network: a silent peer and a stop end it.
class Patience {
 public:
  Patience(const HttpRequest& request, std::stop_token stop)
      : max_stall_(request.stall_timeout),
        stop_grace_(request.stop_grace),
        stop_(std::move(stop)) {}

  // The longest wait from now on, in milliseconds; an error: no time is left.
  absl::StatusOr<int> Wait(int64_t bytes_moved);

 private:
  static int CeilMs(absl::Duration duration) {
    return static_cast<int>(absl::ToInt64Milliseconds(duration + absl::Milliseconds(1)));
  }

  const absl::Duration max_stall_;
  const absl::Duration stop_grace_;
  const std::stop_token stop_;
  int64_t bytes_moved_ = -1;
  SteadyClock::time_point last_move_;
  bool stopping_ = false;
  SteadyClock::time_point stopped_at_;
};

absl::StatusOr<int> Patience::Wait(int64_t bytes_moved) {
  const SteadyClock::time_point now = SteadyClock::now();
  absl::Duration wait = absl::Milliseconds(kLongestWaitMs);
  if (stop_.stop_requested()) {
    if (!stopping_) stopped_at_ = now;
    stopping_ = true;
    const absl::Duration left = stop_grace_ - absl::FromChrono(now - stopped_at_);
    if (left <= absl::ZeroDuration()) return absl::CancelledError("stopped");
    wait = std::min(wait, left);
  }
  if (max_stall_ > absl::ZeroDuration()) {
    if (bytes_moved != bytes_moved_) {
      bytes_moved_ = bytes_moved;
      last_move_ = now;
    }
    const absl::Duration left = max_stall_ - absl::FromChrono(now - last_move_);
    if (left <= absl::ZeroDuration()) {
      return absl::UnavailableError(
          StrCat("no data transferred for ", absl::FormatDuration(max_stall_)));
    }
    wait = std::min(wait, left);
  }
  return CeilMs(wait);
}

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(CurlOptions options)
      : options_(std::move(options)), multi_(curl_multi_init()), easy_(curl_easy_init()) {
    if (multi_ == nullptr || easy_ == nullptr) throw std::bad_alloc();
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, std::stop_token stop) override;

 private:
  struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  template <typename Value>
  void Set(CURLoption option, Value value) {
    if (curl_easy_setopt(easy_.get(), option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  }
  void SetTransport(const HttpRequest& request, const Url& url);
  void SetMethodAndBody(const HttpRequest& request);
  // Runs the exchange that easy_ is set up for; ok if the response is complete.
  absl::Status Perform(const HttpRequest& request, std::stop_token stop);
  absl::Status Drive(const HttpRequest& request, std::stop_token stop);
  int64_t BytesMoved() const;

  const CurlOptions options_;
  const std::unique_ptr<CURLM, MultiDeleter> multi_;
  const std::unique_ptr<CURL, EasyDeleter> easy_;
  char detail_[CURL_ERROR_SIZE] = {};
};

void CurlHttpClient::SetTransport(const HttpRequest& request, const Url& url) {
  Set(CURLOPT_URL, request.url.c_str());
  Set(CURLOPT_PATH_AS_IS, 1L);  // "/a/../b" is the name of an object, and signed unchanged
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_QUICK_EXIT, 1L);  // a hung name look-up does not hold up a stop
  Set(CURLOPT_TCP_NODELAY, 1L);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_BUFFERSIZE, kReceiveBytes);
  Set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBytes);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) Set(CURLOPT_CAINFO, options_.ca_file.c_str());
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (url.IsLoopback()) Set(CURLOPT_NOPROXY, "*");
  if (request.accept_gzip) Set(CURLOPT_ACCEPT_ENCODING, "gzip");
  Set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(request.connect_timeout));
  Set(CURLOPT_TIMEOUT_MS, Milliseconds(request.timeout));
  Set(CURLOPT_ERRORBUFFER, detail_);
}

void CurlHttpClient::SetMethodAndBody(const HttpRequest& request) {
  if (request.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    Set(CURLOPT_HTTPGET, 1L);
  } else {
    Set(CURLOPT_POST, 1L);
    Set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

int64_t CurlHttpClient::BytesMoved() const {
  curl_off_t sent = 0;
  curl_off_t received = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_DOWNLOAD_T, &received);
  return sent + received;
}

absl::Status CurlHttpClient::Drive(const HttpRequest& request, std::stop_token stop) {
  Patience patience(request, std::move(stop));
  for (;;) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi_.get(), &running); code != CURLM_OK) {
      return absl::InternalError(curl_multi_strerror(code));
    }
    int left = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left); message != nullptr) {
      const CURLcode code = message->data.result;
      return code == CURLE_OK ? absl::OkStatus() : TransferError(code, easy_.get(), detail_);
    }
    ASSIGN_OR_RETURN(const int wait_ms, patience.Wait(BytesMoved()));
    curl_multi_poll(multi_.get(), nullptr, 0, wait_ms, nullptr);
  }
}

absl::Status CurlHttpClient::Perform(const HttpRequest& request, std::stop_token stop) {
  if (const CURLMcode code = curl_multi_add_handle(multi_.get(), easy_.get()); code != CURLM_OK) {
    return absl::InternalError(curl_multi_strerror(code));
  }
  absl::Status status;
  {
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
    status = Drive(request, stop);
  }
  curl_multi_remove_handle(multi_.get(),
                           easy_.get());  // closes the connection of an unfinished one
  return status;
}

absl::StatusOr<HttpResponse> CurlHttpClient::Send(const HttpRequest& request,
                                                  std::stop_token stop) {
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  const std::string where = url.HostPort();
  if (url.has_user) {
    return absl::InvalidArgumentError(
        StrCat(where, ": a URL must not contain credentials, because it is logged"));
  }
  if (stop.stop_requested() && request.stop_grace <= absl::ZeroDuration()) {
    return absl::CancelledError(StrCat(where, ": stopped"));
  }
  absl::StatusOr<HeaderList> headers = MakeHeaders(request);
  if (!headers.ok()) return Annotate(headers.status(), where);

  curl_easy_reset(easy_.get());  // keeps the connections
  detail_[0] = '\0';
  SetTransport(request, url);
  SetMethodAndBody(request);
  Set(CURLOPT_HTTPHEADER, headers->get());
  Exchange exchange(request, easy_.get());
  Set(CURLOPT_HEADERFUNCTION, &HeaderCallback);
  Set(CURLOPT_HEADERDATA, &exchange);
  Set(CURLOPT_WRITEFUNCTION, &BodyCallback);
  Set(CURLOPT_WRITEDATA, &exchange);

  absl::Status status = Perform(request, stop);
  if (!exchange.caller_error.ok()) return exchange.caller_error;
  if (!exchange.error.ok()) status = exchange.error;
  if (!status.ok()) return Annotate(status, where);
  RETURN_IF_ERROR(exchange.ShowHead());  // of a response without a body
  CountResponse(url.host, exchange.response.status);
  return std::move(exchange.response);
}

}  // namespace

std::unique_ptr<HttpClient> NewCurlHttpClient(CurlOptions options) {
  InitializeCurlOnce();
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && options.ca_file.empty()) {
    options.ca_file = file;
  }
  return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace millrace
