namespace Sgl.Text;

/// <summary>Where a prompt format has the images of a user turn, whose parts may come in any order. Images keep their order among themselves.</summary>
public enum ImageOrder
{
    /// <summary>Where the parts place them (Qwen-VL).</summary>
    AsGiven,

    /// <summary>
    /// A turn's only image in front of its text, as training data was prepared; several stay where the parts place them (LLaVA-OneVision, the authors'
    /// format). A request may keep its own order.
    /// </summary>
    SingleFirst,

    /// <summary>In front of the turn's text, as the models were trained (InternVL). A request may keep its own order.</summary>
    First,

    /// <summary>In front of the turn's text: the format has no other place (LLaVA-OneVision, the hub's formats).</summary>
    AlwaysFirst,
}
