namespace Sgl.Text.Internal;

/// <summary>A token that is cut out of a text before the model sees it, with the flags of the hub's file formats.</summary>
/// <param name="Content">The text that is recognised.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">A control token: left out of decoded text on request.</param>
/// <param name="LeftStrip">White space before it belongs to it.</param>
/// <param name="RightStrip">White space after it belongs to it.</param>
/// <param name="SingleWord">Recognised only where no word character touches it.</param>
/// <param name="Normalized">Recognised in the normalised text instead of the raw text.</param>
internal sealed record AddedToken(
    string Content,
    int Id,
    bool Special,
    bool LeftStrip = false,
    bool RightStrip = false,
    bool SingleWord = false,
    bool Normalized = false);
