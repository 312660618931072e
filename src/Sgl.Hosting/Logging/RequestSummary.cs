using Microsoft.AspNetCore.Http;

namespace Sgl.Hosting;

/// <summary>What became of a question, for the one line that the log has of its request.</summary>
public sealed record RequestSummary
{
    /// <summary>Which way it went, e.g. <c>exit</c>; empty: none.</summary>
    public string Path { get; init; } = "";

    /// <summary>Why, in words.</summary>
    public string Explanation { get; init; } = "";

    /// <summary>The score that was compared.</summary>
    public double? Score { get; init; }

    /// <summary>What it was compared with.</summary>
    public double? Threshold { get; init; }

    /// <summary>Prompt tokens, visual tokens included.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Generated tokens.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>From the request to its first token.</summary>
    public TimeSpan? FirstToken { get; init; }

    /// <summary>Whether the answer is less than what was asked for.</summary>
    public bool IsDegraded { get; init; }

    /// <summary>Gives it to the request. Where several answers of one request are made side by side, tokens add up, the first token is the earliest, and the rest is the last one's.</summary>
    public void Attach(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        lock (context.Features)
        {
            context.Features.Set(Of(context) is { } before ? Behind(before) : this);
        }
    }

    private RequestSummary Behind(RequestSummary before) => this with
    {
        PromptTokens = PromptTokens + before.PromptTokens,
        GeneratedTokens = GeneratedTokens + before.GeneratedTokens,
        FirstToken = FirstToken < before.FirstToken ? FirstToken : before.FirstToken ?? FirstToken,
        IsDegraded = IsDegraded || before.IsDegraded,
    };

    internal static RequestSummary? Of(HttpContext context) => context.Features.Get<RequestSummary>();
}
