namespace Sgl.Vision;

/// <summary>What becomes of transparency.</summary>
public enum AlphaHandling
{
    /// <summary>
    /// The picture lies on white, as viewers show it: each byte becomes <c>DIV255(colour * alpha + 255 * (255 - alpha))</c>, rounded as
    /// Pillow's <c>canvas.paste(image, mask=alpha)</c> on a white canvas rounds. 16-bit samples are cut to their high bytes before.
    /// </summary>
    White,

    /// <summary>Alpha is left out and whatever colour lies under it comes to light, as by Pillow's <c>convert("RGB")</c>.</summary>
    Drop,
}
