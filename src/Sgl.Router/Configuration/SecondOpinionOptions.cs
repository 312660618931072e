namespace Sgl.Router;

/// <summary>
/// Whether the large model is asked, while it is idle, what the small one has answered already: how often both say the same shows whether the threshold is still right, without
/// anybody's labels. Nobody waits for it and no answer changes. Configuration section <c>Router:SecondOpinion</c>.
/// </summary>
public sealed class SecondOpinionOptions
{
    /// <summary>Share of the exits that the large model is asked about, 0 to 1. Of those, it is asked where no replica works on anything; one at a time.</summary>
    /// <value>Default 0: none.</value>
    public double Share { get; set; }

    /// <summary>Opinions that the gauge looks back on.</summary>
    /// <value>Default 200.</value>
    public int Window { get; set; } = 200;

    /// <summary>Opinions needed before there is a number.</summary>
    /// <value>Default 20.</value>
    public int MinimumSamples { get; set; } = 20;
}
