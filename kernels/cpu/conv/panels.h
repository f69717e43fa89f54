// Weights as the products of SimdTable read them: panels of product_panel output channels.
#pragma once
#include "kernels/api/tensor_view.h"

namespace fledge::cpu {

/// Channels, rounded up to panels.
std::int64_t whole_panels(std::int64_t channels);

/// Floats of the panels of w.
std::int64_t panel_floats(const TensorView& w);
/// Makes them from w: K outputs, each a dense run of taps and inputs. Panel by panel, each as many rows of a panel as
/// the run is long, zeros behind the last output.
void pack_panels(const TensorView& w, float* to, int threads = 1);

}  // namespace fledge::cpu
