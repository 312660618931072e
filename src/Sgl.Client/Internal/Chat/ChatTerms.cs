using Google.Protobuf.Reflection;
using Microsoft.Extensions.AI;

namespace Sgl.Client.Internal.Chat;

/// <summary>The contract's terms in those of Microsoft.Extensions.AI.</summary>
internal static class ChatTerms
{
    /// <summary>Why an answer ended.</summary>
    public static ChatFinishReason Reason(Wire.FinishReason reason) => reason switch
    {
        Wire.FinishReason.Length => ChatFinishReason.Length,
        Wire.FinishReason.ContentFilter => ChatFinishReason.ContentFilter,
        _ => ChatFinishReason.Stop,
    };

    /// <summary>Counts of the model that answered; those of the small one beside, where it was asked in vain.</summary>
    public static UsageDetails Usage(SglAnswer answer)
    {
        var usage = answer.Usage;
        var details = new UsageDetails
        {
            InputTokenCount = usage.PromptTokenCount,
            OutputTokenCount = usage.GeneratedTokenCount,
            TotalTokenCount = (long)usage.PromptTokenCount + usage.GeneratedTokenCount,
            CachedInputTokenCount = usage.CachedPromptTokenCount,
            AdditionalCounts = new AdditionalPropertiesDictionary<long>
            {
                [SglPropertyNames.VisualTokens] = usage.VisualTokenCount,
                [SglPropertyNames.KeptVisualTokens] = usage.KeptVisualTokenCount,
            },
        };
        if (answer.Completed is { Large: not null, Small.Usage: { } small })
        {
            details.AdditionalCounts[SglPropertyNames.SmallInputTokens] = small.PromptTokenCount;
            details.AdditionalCounts[SglPropertyNames.SmallOutputTokens] = small.GeneratedTokenCount;
        }

        return details;
    }

    /// <summary>What is known when the decision has fallen.</summary>
    public static AdditionalPropertiesDictionary Properties(Wire.Decision decision, double? score)
    {
        var properties = new AdditionalPropertiesDictionary
        {
            [SglPropertyNames.Decision] = decision.Action == Wire.DecisionAction.Exit ? "exit" : "escalate",
            [SglPropertyNames.Reason] = Name(decision.Reason),
            [SglPropertyNames.Explanation] = decision.Explanation,
            [SglPropertyNames.Criterion] = Name(decision.Criterion),
            [SglPropertyNames.Threshold] = decision.Threshold,
        };
        if (score is { } number)
        {
            properties[SglPropertyNames.Score] = number;
        }

        return properties;
    }

    /// <summary>What is known at the end.</summary>
    public static AdditionalPropertiesDictionary Properties(SglAnswer answer)
    {
        var properties = answer.Decision is { } decision ? Properties(decision, answer.Score) : new AdditionalPropertiesDictionary();
        properties[SglPropertyNames.Path] = answer.Path.ToString().ToLowerInvariant();
        properties[SglPropertyNames.Reason] = Name(answer.Completed.Reason);
        properties[SglPropertyNames.Explanation] = answer.Completed.Explanation;
        properties[SglPropertyNames.Model] = answer.Model;
        properties[SglPropertyNames.VisualTokens] = answer.Usage.VisualTokenCount;
        properties[SglPropertyNames.KeptVisualTokens] = answer.Usage.KeptVisualTokenCount;
        return properties;
    }

    /// <summary>A value's name in the contract without the enum's prefix, e.g. <c>SCORE_BELOW</c>; a value that is not known by its number.</summary>
    public static string Name(Enum value)
    {
        var name = value.GetType().GetField(value.ToString())?.GetCustomAttributes(typeof(OriginalNameAttribute), false) is [OriginalNameAttribute original, ..] ? original.Name : value.ToString("D");
        var prefix = string.Concat(value.GetType().Name.Select((c, i) => i > 0 && char.IsUpper(c) ? $"_{c}" : $"{char.ToUpperInvariant(c)}")) + "_";
        return name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
    }
}
