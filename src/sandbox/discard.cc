#include "sandbox/discard.h"

#include <memory>

#include "base/count_byte.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/decoder.h"
#include "net/server_response.h"
#include "sandbox/ingest.h"
#include "sandbox/limits.h"
#include "sdk/body_decoder.h"
#include "sdk/sdk_response.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kWindowBytes = 64 << 10;

class LineCounter {
 public:
  void Add(std::string_view text) {
    if (text.empty()) return;
    lines_ += CountByte(text, '\n');
    bytes_ += text.size();
    ends_open_ = text.back() != '\n';
  }
  uint64_t lines() const { return lines_ + (ends_open_ ? 1 : 0); }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t lines_ = 0;
  uint64_t bytes_ = 0;
  bool ends_open_ = false;
};

struct Count {
  uint64_t records = 0;
  uint64_t plain_bytes = 0;
  bool is_lines = true;  // else nothing was counted
};

absl::StatusOr<Count> CountGzipLines(std::string_view gzip, ByteBuffer* window) {
  const std::unique_ptr<Decoder> decoder = NewGzipDecoder();
  window->clear();
  char* const to = window->Reserve(kWindowBytes);
  LineCounter counter;
  absl::Span<const char> in(gzip.data(), gzip.size());
  for (;;) {
    ASSIGN_OR_RETURN(const Decoder::Progress progress, decoder->Decode(in, {to, kWindowBytes}));
    if (progress.consumed == 0 && progress.produced == 0) break;
    if (counter.bytes() == 0 && progress.produced > 0 && to[0] != '{') {
      return Count{.is_lines = false};
    }
    counter.Add({to, progress.produced});
    in.remove_prefix(progress.consumed);
    if (counter.bytes() > kMaxBodyBytes) {
      return absl::ResourceExhaustedError(
          StrCat("request exceeds max limit of ", kMaxBodyBytes, " bytes"));
    }
  }
  if (!decoder->at_boundary()) return absl::DataLossError("gzip: the data is truncated");
  return Count{counter.lines(), counter.bytes()};
}

absl::StatusOr<Count> CountRecords(Context& context, const ServerRequest& request,
                                   Scratch* scratch) {
  Count count{.is_lines = false};
  const std::string_view body = request.body;
  const bool gzip = request.header("content-encoding") == "gzip";
  if (gzip && !body.empty()) {
    ASSIGN_OR_RETURN(count, CountGzipLines(body, &scratch->body));
  } else if (!gzip && body.starts_with('{') && body.size() <= kMaxBodyBytes) {
    LineCounter counter;
    counter.Add(body);
    count = {counter.lines(), counter.bytes()};
  }
  if (count.is_lines) {
    context.stats.bytes_plain += count.plain_bytes;
    return count;
  }
  RequestFaults none;
  none.max_body_bytes = kMaxBodyBytes;
  RETURN_IF_ERROR(ReadRecords(context, request, none, scratch).status());
  count.records = scratch->records.size();
  return count;
}

}  // namespace

ServerResponse HandleDiscard(Context& context, const ServerRequest& request) {
  ++context.stats.requests;
  context.stats.bytes += request.body.size();
  ScratchPool::Lease scratch(context.scratch);
  const absl::StatusOr<Count> count = CountRecords(context, request, scratch.get());
  if (!count.ok()) {
    return ErrorResponse(absl::IsResourceExhausted(count.status()) ? 413 : 400,
                         ToStd(count.status().message()));
  }
  context.stats.received += count->records;
  sdk::Params params;
  params.AddForm(request.query);
  if (!params.Flag("strict")) return sdk::SdkResponse(params, true, "");
  ServerResponse reply;
  reply.body =
      StrCat("{\"code\":200,\"num_records_imported\":", count->records, ",\"status\":\"OK\"}");
  return reply;
}

}  // namespace millrace::sandbox
