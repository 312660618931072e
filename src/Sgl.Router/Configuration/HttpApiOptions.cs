namespace Sgl.Router;

/// <summary>The HTTP API. Configuration section <c>Router:Http</c>.</summary>
public sealed class HttpApiOptions
{
    /// <summary>
    /// Origins whose pages may call the API from a browser (CORS), e.g. <c>https://chat.example.org</c> or <c>https://*.example.org</c>; <c>*</c>: all.
    /// </summary>
    /// <value>Default: none; preflights are not answered.</value>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>
    /// Longest silence of a stream; then a comment is sent, which keeps proxies and clients from giving up. After the first one an error can only be an event of
    /// the stream. 0: no comments.
    /// </summary>
    /// <value>Default 5 s.</value>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Most answers that one request may ask for (<c>n</c>). Sampled ones are asked of the models like as many requests; greedy ones are made once.</summary>
    /// <value>Default 8.</value>
    public int MaxAnswers { get; set; } = 8;

    /// <summary>Whether the API describes itself: <c>/openapi.json</c>, and <c>/reference</c> for people.</summary>
    /// <value>Default true.</value>
    public bool Reference { get; set; } = true;
}
