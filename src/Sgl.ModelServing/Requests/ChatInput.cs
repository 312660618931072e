using Sgl.Hosting;
using Wire = Sgl.V1;

namespace Sgl.ModelServing;

/// <summary>The part that the requests of all model services have in common, as it came from the wire.</summary>
/// <param name="Images">Encoded images.</param>
/// <param name="Messages">Turns, oldest first.</param>
/// <param name="Sampling">Null: defaults.</param>
/// <param name="ImageLimits">Null: the checkpoint's.</param>
/// <param name="KeepPartOrder">Images stay where the parts place them, also in families that are trained with images first.</param>
/// <param name="Tenant">Whom it is from.</param>
/// <param name="Field">Path of the message that holds these fields, with its dot; empty for the request itself.</param>
public sealed record ChatInput(
    IReadOnlyList<Wire.Image> Images,
    IReadOnlyList<Wire.ChatMessage> Messages,
    Wire.Sampling? Sampling,
    Wire.ImageLimits? ImageLimits,
    bool KeepPartOrder = false,
    Tenant Tenant = default,
    string Field = "");
