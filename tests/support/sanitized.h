// Whether the tests run under AddressSanitizer (scripts/sanitize.sh), whose memory and time are none of ours.
#pragma once

namespace fledge::test {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

}  // namespace fledge::test
