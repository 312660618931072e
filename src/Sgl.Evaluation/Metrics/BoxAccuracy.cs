namespace Sgl.Evaluation;

/// <summary>RefCOCO, RefCOCO+, RefCOCOg: the answered box overlaps the right one with an IoU of at least one half.</summary>
public sealed class BoxAccuracy : Metric
{
    internal BoxAccuracy()
        : base("box_accuracy")
    {
    }

    /// <inheritdoc/>
    public override double? Score(string prediction, ReferenceAnswer reference)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(reference);
        if (reference.Box is not { } right)
        {
            return null;
        }

        var given = BoundingBox.FromAnswer(prediction).Scaled(reference.ImageWidth, reference.ImageHeight);
        return given.IntersectionOverUnion(right) >= 0.5f ? 1 : 0;
    }
}
