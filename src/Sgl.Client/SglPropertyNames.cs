namespace Sgl.Client;

/// <summary>Keys of <c>AdditionalProperties</c> in responses of a chat client, and of <c>AdditionalCounts</c> in their usage.</summary>
public static class SglPropertyNames
{
    /// <summary>String: <c>exit</c>, the small answer is final, or <c>escalate</c>.</summary>
    public const string Decision = "sgl.decision";

    /// <summary>String: why, as <see cref="Wire.RoutingReason"/>, e.g. <c>SCORE_BELOW</c>.</summary>
    public const string Reason = "sgl.reason";

    /// <summary>String: the same for people.</summary>
    public const string Explanation = "sgl.explanation";

    /// <summary>Double: the exit score, 0 to 1; absent where none was computed.</summary>
    public const string Score = "sgl.score";

    /// <summary>Double: what the score was compared with.</summary>
    public const string Threshold = "sgl.threshold";

    /// <summary>String: which score it is, as <see cref="Wire.ExitCriterion"/>, e.g. <c>DECISION</c>.</summary>
    public const string Criterion = "sgl.criterion";

    /// <summary>String: which way the answer took: <c>exit</c>, <c>escalated</c> or <c>degraded</c>.</summary>
    public const string Path = "sgl.path";

    /// <summary>String: name of the model that answered.</summary>
    public const string Model = "sgl.model";

    /// <summary>Int: visual tokens of all pictures in the prompt of the model that answered.</summary>
    public const string VisualTokens = "sgl.visual_tokens";

    /// <summary>Int: those of them that its last layer saw.</summary>
    public const string KeptVisualTokens = "sgl.kept_visual_tokens";

    /// <summary>String: the small model's answer, in front of the error that ends a stream half of which is the large model's.</summary>
    public const string SmallAnswer = "sgl.small_answer";

    /// <summary>Count: prompt tokens of the small model, where the large one answered.</summary>
    public const string SmallInputTokens = "sgl.small_input_tokens";

    /// <summary>Count: generated tokens of the small model, where the large one answered.</summary>
    public const string SmallOutputTokens = "sgl.small_output_tokens";
}
