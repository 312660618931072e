namespace Sgl.Models;

/// <summary>All tensor names of a checkpoint.</summary>
/// <param name="Decoder">The decoder's.</param>
/// <param name="Vision">The vision tower's and projector's.</param>
public sealed record ModelNames(DecoderNames Decoder, VisionNames Vision);
