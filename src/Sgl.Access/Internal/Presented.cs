using Microsoft.AspNetCore.Http;

namespace Sgl.Access.Internal;

/// <summary>What a request shows to say who makes it: <c>Authorization: Bearer ...</c>, or <c>x-api-key</c>.</summary>
internal readonly record struct Presented(string? Secret, bool IsAmbiguous)
{
    public const string KeyHeader = "x-api-key";
    private const string Bearer = "Bearer ";

    public static Presented By(HttpRequest request)
    {
        var (authorization, key) = (request.Headers.Authorization, request.Headers[KeyHeader]);
        if (authorization.Count + key.Count > 1)
        {
            return new Presented(null, true);
        }

        var text = authorization.Count == 0 ? key.ToString()
            : authorization.ToString() is { } value && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..]
            : "";
        return new Presented(text.Trim() is { Length: > 0 } secret ? secret : null, false);
    }

    /// <summary>Whether it is a JSON web token by its shape: three parts, the first a JSON object in base64.</summary>
    public bool IsToken => Secret is { } s && s.StartsWith("eyJ", StringComparison.Ordinal) && s.AsSpan().Count('.') == 2;
}
