#include "stores/requester.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_status.h"

namespace millrace {
namespace {

constexpr int kMaxCures = 4;

// The first byte of "bytes 100-199/200"; nullopt if there is none.
std::optional<uint64_t> ContentRangeStart(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  uint64_t start = 0;
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  if (!absl::SimpleAtoi(ToAbsl(header.substr(0, header.find('-'))), &start)) return std::nullopt;
  return start;
}

absl::Status CheckHead(const HttpResponse& head, const PinnedRead& read, uint64_t offset) {
  const std::string_view version = BareEtag(head.header(read.version_header));
  if (!version.empty() && version != read.version) {
    return absl::FailedPreconditionError("it was replaced since it was listed");
  }
  if (head.status != 206 && offset != 0) {
    return absl::InternalError(
        StrCat("the server responded HTTP ", head.status, " to a request for part of the object"));
  }
  if (head.status == 206 && ContentRangeStart(head.header("content-range")) != offset) {
    return absl::InternalError("the server sent a different part of the object than requested");
  }
  return absl::OkStatus();
}

}  // namespace

Refusal CommonRefusal(const CloudError& error) {
  if (IsRetryableStatus(error.http_status)) {
    return {CloudStatus(absl::StatusCode::kUnavailable, "", error), Refusal::RetryAdvice::kWait};
  }
  if (error.http_status == 412) {
    return {CloudStatus(absl::StatusCode::kFailedPrecondition,
                        "it was replaced since it was listed", error)};
  }
  return {CloudStatus(CodeOfHttp(error.http_status), "", error)};
}

absl::StatusOr<HttpResponse> Requester::Exchange(HttpRequest& request, std::stop_token stop) {
  RETURN_IF_ERROR(dialect_.Authorize(request, stop));
  return clients_.Take()->Send(request, stop);
}

absl::StatusOr<HttpResponse> Requester::Send(const Call& call, std::stop_token stop) {
  int cures = 0;
  for (RetryLoop tries(retrier_);;) {
    HttpRequest request = call.write();
    absl::StatusOr<HttpResponse> response = Exchange(request, stop);
    absl::Status why = response.status();
    absl::Duration retry_after = absl::ZeroDuration();
    if (response.ok()) {
      if (response->status / 100 == 2 ||
          (call.accepts != nullptr && call.accepts(response->status))) {
        if (call.check != nullptr) why = call.check(*response);
        if (why.ok()) {
          tries.Succeeded();
          return response;
        }
      } else {
        Refusal refusal = dialect_.ClassifyError(request, *response);
        why = std::move(refusal.status);
        if (refusal.cure == Refusal::RetryAdvice::kNow && cures++ < kMaxCures) continue;
        if (refusal.cure != Refusal::RetryAdvice::kWait) return why;
      }
      retry_after = response->RetryAfter(clock_.Now());
    } else if (!absl::IsUnavailable(why)) {
      return why;
    }
    if (call.moved != nullptr && call.moved()) tries.Succeeded();
    RETURN_IF_ERROR(tries.WaitToRetry(why, retry_after, stop));
  }
}

absl::StatusOr<HttpResponse> Requester::Send(const HttpRequest& request, std::stop_token stop) {
  return Send(Call{.write = [&request] { return request; }}, std::move(stop));
}

absl::Status Requester::SendIfAbsent(std::function<HttpRequest()> write, std::stop_token stop) {
  const Call call{.write = std::move(write), .accepts = [](int status) { return status == 412; }};
  ASSIGN_OR_RETURN(const HttpResponse response, Send(call, std::move(stop)));
  if (response.status == 412) return absl::AlreadyExistsError("it exists already");
  return absl::OkStatus();
}

void Requester::SendOnce(HttpRequest request, std::stop_token stop) {
  request.timeout = absl::Seconds(10);
  Exchange(request, std::move(stop)).status().IgnoreError();
}

PinnedRead ReadOfEtag(std::function<std::string()> url, const std::string& etag) {
  return {.write =
              [url = std::move(url), if_match = QuotedEtag(etag)](uint64_t offset, uint64_t size) {
                return HttpRequest{
                    .url = url(),
                    .headers = {{"Range", RangeHeader(offset, size)}, {"If-Match", if_match}}};
              },
          .version_header = "etag",
          .version = etag};
}

absl::Status ReadPinned(Requester& requester, const PinnedRead& read, uint64_t offset,
                        absl::Span<char> to, std::stop_token stop) {
  size_t done = 0;
  size_t done_before = 0;
  Requester::Call call;
  call.write = [&] {
    if (done == to.size()) --done;  // all bytes arrived before the response failed
    const uint64_t from = offset + done;
    HttpRequest request = read.write(from, to.size() - done);
    request.timeout = absl::ZeroDuration();
    request.stall_timeout = absl::Seconds(30);
    request.on_head = [&read, from](const HttpResponse& head) {
      return CheckHead(head, read, from);
    };
    request.on_body = [&](std::string_view piece) {
      // A server without support for ranges sends the whole object.
      const size_t size = std::min(piece.size(), to.size() - done);
      std::memcpy(to.data() + done, piece.data(), size);
      done += size;
      if (size < piece.size()) return absl::OutOfRangeError("more than was requested");
      return absl::OkStatus();
    };
    return request;
  };
  call.moved = [&] { return std::exchange(done_before, done) != done; };
  while (done < to.size()) {
    const absl::Status status = requester.Send(call, stop).status();
    if (absl::IsOutOfRange(status) && done == to.size()) break;
    RETURN_IF_ERROR(status);
    if (!call.moved()) {
      return absl::FailedPreconditionError(
          StrCat("it ends at byte ", offset + done, ", before its listed size"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ListedKey> DescribedByHead(const std::string& key, const HttpResponse& head) {
  ListedKey object{.key = key, .version = std::string(BareEtag(head.header("etag")))};
  if (object.version.empty() ||
      !absl::SimpleAtoi(ToAbsl(head.header("content-length")), &object.size)) {
    return absl::UnavailableError("the response lacks the object's size or ETag");
  }
  return object;
}

std::string RangeHeader(uint64_t offset, uint64_t size) {
  return StrCat("bytes=", offset, "-", offset + size - 1);
}

std::string QuotedEtag(std::string_view etag) { return StrCat("\"", etag, "\""); }

std::string_view BareEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

}  // namespace millrace
