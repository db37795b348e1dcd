/** Places that were visited, with a way back and forward. */
export class Visits<Place> {
  private readonly places: Place[] = [];
  private at = -1;

  constructor(private readonly same: (a: Place, b: Place) => boolean, private readonly longest = 100) {}

  get canGoBack(): boolean { return this.at > 0; }
  get canGoForward(): boolean { return this.at < this.places.length - 1; }

  /** Notes a new place; what lay ahead is forgotten. */
  visit(place: Place): void {
    if (this.at >= 0 && this.same(this.places[this.at], place)) return;
    this.places.splice(this.at + 1, Infinity, place);
    if (this.places.length > this.longest) this.places.shift();
    this.at = this.places.length - 1;
  }

  /** Notes a place that is come back to from inside: the way back goes on before it, where it was visited. */
  returnTo(place: Place): void {
    const known = this.places.slice(0, this.at + 1).map((one) => this.same(one, place)).lastIndexOf(true);
    if (known >= 0) this.at = known;
    else this.visit(place);
  }

  back(): Place | undefined { return this.canGoBack ? this.places[--this.at] : undefined; }
  forward(): Place | undefined { return this.canGoForward ? this.places[++this.at] : undefined; }
}
