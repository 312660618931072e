namespace Sgl.Router;

/// <summary>How pictures are made for a large model that is guided by them.</summary>
public enum PictureStrategy
{
    /// <summary>As they came.</summary>
    None,

    /// <summary>A reduced overview, and the few parts that hold a share of the importance.</summary>
    Crops,

    /// <summary>Under limits that the engine is told.</summary>
    Budget,
}

/// <summary>How pictures are made for a large model in a foreign engine; docs/engines.md. What is not set has the contract's default.</summary>
public sealed class SentPictureOptions
{
    /// <summary>The strategy.</summary>
    /// <value>Default <see cref="PictureStrategy.None"/>.</value>
    public PictureStrategy Strategy { get; set; }

    /// <summary>With crops: share of the importance above its mean that the parts hold together, 0 to 1.</summary>
    /// <value>Default 0.7.</value>
    public double? Coverage { get; set; }

    /// <summary>With crops: most parts of one image.</summary>
    /// <value>Default 4.</value>
    public int? MaxCrops { get; set; }

    /// <summary>With crops: longer side of the overview in pixels; 0: no overview.</summary>
    /// <value>Default 448.</value>
    public int? OverviewSide { get; set; }

    /// <summary>With crops: borders of parts fall on multiples of this many pixels.</summary>
    /// <value>Default 28.</value>
    public int? Grid { get; set; }

    /// <summary>With crops: cells of that grid that are added around what is important.</summary>
    /// <value>Default 1.</value>
    public int? Margin { get; set; }

    /// <summary>With crops: leave out the text that says what each picture is.</summary>
    /// <value>Default false.</value>
    public bool OmitCaptions { get; set; }

    /// <summary>With a budget: OpenAI's level of detail, <c>low</c>, <c>high</c> or <c>auto</c>.</summary>
    public string Detail { get; set; } = "";

    /// <summary>With a budget: <c>mm_processor_kwargs.max_pixels</c>.</summary>
    public long? MaxPixels { get; set; }

    /// <summary>With a budget: <c>mm_processor_kwargs.max_dynamic_patch</c>.</summary>
    public int? MaxDynamicPatch { get; set; }

    /// <summary>With a budget: pixels to which an image is resized before it is sent.</summary>
    public long? ResizePixels { get; set; }

    /// <summary>As a message.</summary>
    internal Wire.PicturePolicy ToWire()
    {
        var policy = new Wire.PicturePolicy { Strategy = PolicyTerms.Strategies.From(Strategy) };
        var crops = new Wire.CropPolicy { OmitCaptions = OmitCaptions };
        Set(Coverage, v => crops.Coverage = v);
        Set(MaxCrops, v => crops.MaxCrops = v);
        Set(OverviewSide, v => crops.OverviewSide = v);
        Set(Grid, v => crops.Grid = v);
        Set(Margin, v => crops.Margin = v);
        var budget = new Wire.BudgetPolicy { Detail = Detail };
        Set(MaxPixels, v => budget.MaxPixels = v);
        Set(MaxDynamicPatch, v => budget.MaxDynamicPatch = v);
        Set(ResizePixels, v => budget.ResizePixels = v);
        policy.Crops = crops.CalculateSize() > 0 ? crops : null;
        policy.Budget = budget.CalculateSize() > 0 ? budget : null;
        return policy;
    }

    private static void Set<T>(T? value, Action<T> assign)
        where T : struct
    {
        if (value is { } v)
        {
            assign(v);
        }
    }
}
