using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Sgl.Access.Internal;

/// <summary>What is left of a caller's limits, under the names that OpenAI's clients read.</summary>
internal static class RateHeaders
{
    public static readonly string[] Names =
    [
        "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
        "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
    ];

    public static void Set(HttpResponse response, Allowance allowance)
    {
        if (allowance.RequestLimit is { } requests)
        {
            Set(response, 0, requests, allowance.RequestsLeft, allowance.RequestsReset);
        }

        if (allowance.TokenLimit is { } tokens)
        {
            Set(response, 3, tokens, allowance.TokensLeft, allowance.TokensReset);
        }
    }

    private static void Set(HttpResponse response, int first, int limit, int left, TimeSpan reset)
    {
        response.Headers[Names[first]] = limit.ToString(CultureInfo.InvariantCulture);
        response.Headers[Names[first + 1]] = left.ToString(CultureInfo.InvariantCulture);
        response.Headers[Names[first + 2]] = Duration(reset);
    }

    /// <summary>As 1h2m3.5s, without what is zero in front.</summary>
    internal static string Duration(TimeSpan time)
    {
        var hours = (int)time.TotalHours > 0 ? FormattableString.Invariant($"{(int)time.TotalHours}h") : "";
        var minutes = hours.Length > 0 || time.Minutes > 0 ? FormattableString.Invariant($"{time.Minutes}m") : "";
        return hours + minutes + (time.TotalSeconds - (Math.Floor(time.TotalMinutes) * 60)).ToString("0.###", CultureInfo.InvariantCulture) + "s";
    }
}
