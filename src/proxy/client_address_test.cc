#include "proxy/client_address.h"

#include <gtest/gtest.h>

#include <map>

#include "base/strings.h"

namespace millrace::proxy {
namespace {

using Headers = std::map<std::string, std::string>;

std::vector<AddressRange> Ranges(const std::vector<std::string>& texts) {
  std::vector<AddressRange> ranges;
  for (const std::string& text : texts) {
    const auto range = AddressRange::Parse(text);
    EXPECT_TRUE(range.ok()) << range.status();
    if (range.ok()) ranges.push_back(*range);
  }
  return ranges;
}

std::string Find(const std::vector<std::string>& trusted, std::string_view peer,
                 const Headers& headers, bool anonymizes = false) {
  ServerRequest request;
  request.peer_address = peer;
  request.header = [&](std::string_view name) -> std::string_view {
    const auto found = headers.find(std::string(name));
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  };
  return ClientAddress({Ranges(trusted), anonymizes}).Find(request);
}

TEST(ClientAddress, IsTheFirstHopThatIsNotTrusted) {
  const std::vector<std::string> lan = {"10.0.0.0/8", "127.0.0.1", "2001:db8::/32"};
  const auto forwarded = [&](std::string_view peer, std::string_view value) {
    return Find(lan, peer, {{"x-forwarded-for", std::string(value)}});
  };
  // A peer that is not trusted may claim what it likes.
  EXPECT_EQ(Find({}, "10.0.0.1", {{"x-forwarded-for", "9.9.9.9"}}), "10.0.0.1");
  EXPECT_EQ(forwarded("203.0.113.7", "9.9.9.9"), "203.0.113.7");
  EXPECT_EQ(forwarded("10.0.0.1", "9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(forwarded("::ffff:10.0.0.1", "9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(forwarded("10.0.0.1", "6.6.6.6, 9.9.9.9, 10.0.0.2"), "9.9.9.9");
  EXPECT_EQ(forwarded("10.0.0.1", "6.6.6.6,9.9.9.9 ,2001:db8::5"), "9.9.9.9");
  EXPECT_EQ(forwarded("2001:db8::1", "2a00::1"), "2a00::1");
  EXPECT_EQ(forwarded("10.0.0.1", "10.0.0.9, 10.0.0.2"), "10.0.0.9");  // a client inside
  EXPECT_EQ(forwarded("10.0.0.1", "9.9.9.9:4711"), "9.9.9.9");
  EXPECT_EQ(forwarded("10.0.0.1", "[2a00::1]:4711"), "2a00::1");
  EXPECT_EQ(forwarded("10.0.0.1", "::ffff:9.9.9.9"), "9.9.9.9");
  // Nothing to the left of what is not an address can be believed.
  EXPECT_EQ(forwarded("10.0.0.1", "9.9.9.9, unknown"), "");
  EXPECT_EQ(forwarded("10.0.0.1", "9.9.9.9, unknown, 10.0.0.2"), "");
  EXPECT_EQ(forwarded("10.0.0.1", "9.9.9.9, "), "");
  EXPECT_EQ(Find(lan, "10.0.0.1", {}), "10.0.0.1");
}

TEST(ClientAddress, ReadsTheOtherHeaders) {
  const std::vector<std::string> lan = {"10.0.0.0/8"};
  const auto find = [&](const Headers& headers) { return Find(lan, "10.0.0.1", headers); };
  EXPECT_EQ(find({{"forwarded", "for=9.9.9.9"}}), "9.9.9.9");
  EXPECT_EQ(find({{"forwarded", "for=6.6.6.6, For=\"[2a00::1]:80\";proto=https, for=10.0.0.2"}}),
            "2a00::1");
  EXPECT_EQ(find({{"forwarded", "for=_hidden"}}), "");
  EXPECT_EQ(find({{"forwarded", "proto=https"}}), "");
  EXPECT_EQ(find({{"x-real-ip", "9.9.9.9"}}), "9.9.9.9");
  EXPECT_EQ(find({{"x-real-ip", "9.9.9.9"}, {"x-forwarded-for", "8.8.8.8"}}), "8.8.8.8");
  EXPECT_EQ(find({{"forwarded", "for=7.7.7.7"}, {"x-forwarded-for", "8.8.8.8"}}), "8.8.8.8");
}

TEST(ClientAddress, JoinsRepeatedHeaders) {
  ServerRequest request;
  request.peer_address = "10.0.0.1";
  request.header = [](std::string_view) { return std::string_view("6.6.6.6"); };
  request.joined_header = [](std::string_view name) {
    return std::string(name == "x-forwarded-for" ? "6.6.6.6, 9.9.9.9" : "");
  };
  EXPECT_EQ(ClientAddress({Ranges({"10.0.0.0/8"}), false}).Find(request), "9.9.9.9");
}

TEST(ClientAddress, MayBeAnonymized) {
  EXPECT_EQ(Find({}, "203.0.113.7", {}, true), "203.0.113.0");
  EXPECT_EQ(Find({}, "::ffff:203.0.113.7", {}, true), "203.0.113.0");
  EXPECT_EQ(Find({}, "2a00:1450:4001:82a::200e", {}, true), "2a00:1450:4001::");
}

TEST(ClientAddress, EndsAfterAHundredHops) {
  std::string hops = "9.9.9.9";
  for (int i = 0; i < 100; ++i) hops += ", 10.0.0.3";
  EXPECT_EQ(Find({"10.0.0.0/8"}, "10.0.0.1", {{"x-forwarded-for", hops}}), "10.0.0.3");
}

TEST(AddressRange, ContainsItsAddresses) {
  const auto contains = [](std::string_view range, std::string_view address) {
    return Ranges({std::string(range)}).at(0).Contains(*IpAddress::Parse(address));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(contains("192.168.4.0/22", "192.168.8.0"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2a00::1"));
  EXPECT_TRUE(contains("::/0", "1.2.3.4"));
  EXPECT_TRUE(contains("fe80::/10", "febf::1"));
  EXPECT_FALSE(contains("fe80::/10", "fec0::1"));
  EXPECT_TRUE(contains("1.2.3.4", "::ffff:1.2.3.4"));
  EXPECT_FALSE(contains("1.2.3.4", "1.2.3.5"));
}

TEST(AddressRange, RefusesOtherText) {
  for (const char* text : {"", "x", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "/8",
                           "10.0.0.0/8x", "10.0.0.0:80/8", "10.0.0/8", "10.0.0.0/-1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(AddressRange::Parse(text).status())) << text;
  }
}

TEST(IpAddress, RefusesOtherText) {
  for (std::string_view text :
       {std::string_view(""), std::string_view("localhost"), std::string_view("1.2.3"),
        std::string_view("1.2.3.4.5"), std::string_view("[::1"), std::string_view("fe80::1%eth0"),
        std::string_view("1.2.3.4\0", 8), std::string_view("300.1.1.1")}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string(1000, ':')));
}

}  // namespace
}  // namespace millrace::proxy
