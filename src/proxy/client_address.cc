#include "proxy/client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"

namespace millrace::proxy {
namespace {

constexpr size_t kMappedBytes = 12;
constexpr std::array<uint8_t, kMappedBytes> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr size_t kMaxHops = 32;  // of a header; more are not looked at

// "1.2.3.4:80" and "[::1]:80" without the port and the brackets.
std::string_view WithoutPort(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    return end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
  }
  const size_t colon = text.find(':');
  const bool has_port = colon != std::string_view::npos && colon == text.rfind(':');
  return has_port ? text.substr(0, colon) : text;
}

// All lines of a header. A client may send its own; a proxy then adds a second one.
std::string JoinedHeader(const ServerRequest& request, std::string_view name) {
  if (request.joined_header) return request.joined_header(name);
  return std::string(request.header(name));
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), separator)) {
    parts.push_back(TrimBlanks(ToStd(part)));
  }
  return parts;
}

// The addresses of a Forwarded header, in its order; "" for an element without one.
std::vector<std::string> ForwardedFor(std::string_view header) {
  std::vector<std::string> hops;
  for (const std::string_view element : SplitAt(header, ',')) {
    hops.emplace_back();
    for (const std::string_view pair : SplitAt(element, ';')) {
      if (!absl::StartsWithIgnoreCase(ToAbsl(pair), "for=")) continue;
      std::string_view node = pair.substr(4);
      if (node.size() >= 2 && node.front() == '"' && node.back() == '"') {
        node = node.substr(1, node.size() - 2);
      }
      hops.back() = node;
    }
  }
  return hops;
}

// The addresses that the request's proxies name, the nearest one last; empty: they name none.
std::vector<std::string> Hops(const ServerRequest& request) {
  if (const std::string header = JoinedHeader(request, "x-forwarded-for"); !header.empty()) {
    const std::vector<std::string_view> parts = SplitAt(header, ',');
    return {parts.begin(), parts.end()};
  }
  if (const std::string header = JoinedHeader(request, "forwarded"); !header.empty()) {
    return ForwardedFor(header);
  }
  const std::string_view real = TrimBlanks(request.header("x-real-ip"));
  if (real.empty()) return {};
  return {std::string(real)};
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  text = WithoutPort(text);
  char copy[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof(copy)) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  if (std::strlen(copy) != text.size()) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET, copy, address.bytes_.data() + kMappedBytes) == 1) {
    std::copy(kMapped.begin(), kMapped.end(), address.bytes_.begin());
    return address;
  }
  if (inet_pton(AF_INET6, copy, address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

std::string IpAddress::ToString() const {
  if (is_v4()) {
    const auto* const v4 = bytes_.data() + kMappedBytes;
    return StrCat(v4[0], ".", v4[1], ".", v4[2], ".", v4[3]);
  }
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
  return text;
}

IpAddress IpAddress::Anonymized() const {
  constexpr size_t kKeptV6Bytes = 6;  // 48 bits
  IpAddress result = *this;
  const size_t kept = is_v4() ? bytes_.size() - 1 : kKeptV6Bytes;
  std::fill(result.bytes_.begin() + static_cast<ptrdiff_t>(kept), result.bytes_.end(), 0);
  return result;
}

absl::StatusOr<AddressRange> AddressRange::Parse(std::string_view text) {
  const auto invalid = [text](std::string_view why) {
    return absl::InvalidArgumentError(
        StrCat("\"", text, "\" is not a range of addresses such as 10.0.0.0/8: ", why));
  };
  const size_t slash = text.find('/');
  const std::string_view base = text.substr(0, slash);
  const std::optional<IpAddress> address = IpAddress::Parse(base);
  if (!address || WithoutPort(base) != base) return invalid("it does not begin with an address");
  const bool v4 = base.find(':') == std::string_view::npos;
  AddressRange range;
  range.address_ = *address;
  range.bits_ = 128;
  if (slash == std::string_view::npos) return range;
  int bits = 0;
  if (!absl::SimpleAtoi(ToAbsl(text.substr(slash + 1)), &bits) || bits < 0 ||
      bits > (v4 ? 32 : 128)) {
    return invalid(v4 ? "the prefix has 0 to 32 bits" : "the prefix has 0 to 128 bits");
  }
  range.bits_ = v4 ? bits + 96 : bits;
  for (int bit = range.bits_; bit < 128; ++bit) {
    if (((range.address_.bytes_[static_cast<size_t>(bit / 8)] >> (7 - bit % 8)) & 1) != 0) {
      return invalid("the address has bits beyond the prefix");
    }
  }
  return range;
}

bool AddressRange::Contains(const IpAddress& address) const {
  const size_t whole = static_cast<size_t>(bits_ / 8);
  if (!std::equal(address_.bytes_.begin(), address_.bytes_.begin() + static_cast<ptrdiff_t>(whole),
                  address.bytes_.begin())) {
    return false;
  }
  if (bits_ % 8 == 0) return true;
  const int shift = 8 - bits_ % 8;
  return address_.bytes_[whole] >> shift == address.bytes_[whole] >> shift;
}

bool ClientAddress::IsTrusted(const IpAddress& address) const {
  return std::any_of(options_.trusted_proxies.begin(), options_.trusted_proxies.end(),
                     [&](const AddressRange& range) { return range.Contains(address); });
}

std::optional<IpAddress> ClientAddress::Resolve(const ServerRequest& request) const {
  const std::optional<IpAddress> peer = IpAddress::Parse(request.peer_address);
  if (!peer || options_.trusted_proxies.empty() || !IsTrusted(*peer)) return peer;
  const std::vector<std::string> hops = Hops(request);
  if (hops.empty()) return peer;
  std::optional<IpAddress> address;
  for (size_t i = 0; i < std::min(hops.size(), kMaxHops); ++i) {
    address = IpAddress::Parse(hops[hops.size() - 1 - i]);
    if (!address || !IsTrusted(*address)) break;
  }
  return address;
}

std::string ClientAddress::Find(const ServerRequest& request) const {
  const std::optional<IpAddress> address = Resolve(request);
  if (!address) return "";
  return (options_.anonymizes ? address->Anonymized() : *address).ToString();
}

}  // namespace millrace::proxy
